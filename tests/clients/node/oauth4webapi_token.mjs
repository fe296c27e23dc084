// Gets a voucher with oauth4webapi, unmodified, as its documentation says (`private_key_jwt`).
//
//     node oauth4webapi_token.mjs --data DIR --client NAME --purpose NAME [--dpop]
//
// DIR is the data folder of a town; what came back is printed as one JSON object. With `--dpop` the
// certificate is left out, as by a client whose TLS ends at a proxy, and the library itself judges
// the voucher and a proof for it (RFC 9068, RFC 9449 §4.3); it knows no vouchers that are bound to
// a certificate.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as oauth from 'oauth4webapi';
import * as undici from 'undici';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    client: { type: 'string' },
    purpose: { type: 'string' },
    dpop: { type: 'boolean', default: false },
  },
});
const folder = join(options.data, 'clients', options.client);
const known = JSON.parse(await readFile(join(folder, 'client.json'), 'utf8'));
const client = { client_id: known.client_id };
const http = { [oauth.customFetch]: await fetchWithTls() };

const issuer = new URL(new URL(known.token_url).origin);
const discovered = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http });
const server = await oauth.processDiscoveryResponse(issuer, discovered);

const key = await privateKey(await readFile(join(folder, 'assertion.key'), 'utf8'));
const authentication = oauth.PrivateKeyJwt({ key, kid: known.kid }, {
  [oauth.modifyAssertion](_header, payload) {
    payload.purposeId = known.purposes[options.purpose].purpose_id;
  },
});
const pair = await oauth.generateKeyPair('ES256');
const proofs = options.dpop ? { DPoP: oauth.DPoP(client, pair) } : {};
const answer = await oauth.clientCredentialsGrantRequest(
  server, client, authentication, {}, { ...proofs, ...http },
);
const token = await oauth.processClientCredentialsResponse(server, client, answer);

const [, payload] = token.access_token.split('.');
const result = { ...token, claims: JSON.parse(Buffer.from(payload, 'base64url').toString()) };
if (options.dpop) {
  result.jkt = await proofs.DPoP.calculateThumbprint();
  result.claims = await judged(token.access_token, result.claims.aud);
}
console.log(JSON.stringify(result));

// The fetch of undici with the town's authority, and the client's certificate unless DPoP binds.
async function fetchWithTls() {
  const connect = { ca: await readFile(join(options.data, 'ca.pem')) };
  if (!options.dpop) {
    connect.cert = await readFile(join(folder, 'tls.pem'));
    connect.key = await readFile(join(folder, 'tls.key'));
  }
  const dispatcher = new undici.Agent({ connect });
  return (url, init) => undici.fetch(url, { ...init, dispatcher });
}

// PKCS#8 in PEM says nothing of its kind that Web Crypto would read: the kinds are tried.
async function privateKey(pem) {
  const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  const kinds = [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'Ed25519' },
    { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ];
  for (const kind of kinds) {
    try {
      return await crypto.subtle.importKey('pkcs8', der, kind, false, ['sign']);
    } catch {
      continue;
    }
  }
  throw new Error('assertion.key is no EC, Ed25519 or RSA key');
}

// What the library makes of the voucher in the hands of its own resource server.
async function judged(voucher, audience) {
  let seen;
  const url = new URL('https://resource.example/call');
  await oauth.protectedResourceRequest(voucher, 'POST', url, undefined, undefined, {
    ...proofs,
    [oauth.customFetch](url, init) {
      seen = new Request(url, { method: init.method, headers: init.headers });
      return new Response('{}');
    },
  });
  return oauth.validateJwtAccessToken(server, seen, audience, { requireDPoP: true, ...http });
}

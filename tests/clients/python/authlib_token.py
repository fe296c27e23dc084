#!/usr/bin/env python3
"""Gets a voucher with Authlib, unmodified, as its documentation says (`private_key_jwt`).

    python3 authlib_token.py --data DIR --client NAME --purpose NAME [--dpop]

DIR is the data folder of a town. What came back is printed as one JSON object, after the voucher
has been verified with the key set that the town publishes. With `--dpop` the request carries a
proof (RFC 9449), which Authlib does not make by itself: its JOSE library does. The certificate is
left out then, as by a client whose TLS ends at a proxy.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import sys
import time
import uuid

from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

ALGORITHMS = {"EC": "ES256", "OKP": "EdDSA", "RSA": "RS256"}


def main():
    options = arguments()
    folder = options.data / "clients" / options.client
    client = json.loads((folder / "client.json").read_text())
    purpose = client["purposes"][options.purpose]["purpose_id"]
    session = session_of(client, folder, purpose)
    # Only the town's own authority, whatever the environment says.
    session.trust_env = False
    session.verify = str(options.data / "ca.pem")
    if not options.dpop:
        session.cert = (str(folder / "tls.pem"), str(folder / "tls.key"))

    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
    }
    proof_key = ECKey.generate_key("P-256")
    if options.dpop:
        headers["DPoP"] = proof(proof_key, client["token_url"])
    token = session.fetch_token(
        client["token_url"], grant_type="client_credentials", headers=headers
    )

    result = {
        "token_type": token["token_type"],
        "expires_in": token["expires_in"],
        "access_token": token["access_token"],
        "claims": verified(session, client["token_url"], token["access_token"]),
    }
    if options.dpop:
        result["jkt"] = thumbprint(proof_key)
    json.dump(result, sys.stdout)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--client", required=True)
    parser.add_argument("--purpose", required=True)
    parser.add_argument("--dpop", action="store_true")
    return parser.parse_args()


def session_of(client, folder, purpose):
    key = private_key((folder / "assertion.key").read_text())
    claims = {"purposeId": purpose}
    # Authlib signs for an hour; only a client that is marked `legacy` may.
    if key.key_type != "RSA":
        claims["exp"] = int(time.time()) + 60
    session = OAuth2Session(
        client["client_id"], key, token_endpoint_auth_method="private_key_jwt"
    )
    session.register_client_auth_method(
        PrivateKeyJWT(
            client["token_url"],
            claims=claims,
            headers={"kid": client["kid"], "typ": "JWT"},
            alg=ALGORITHMS[key.key_type],
        )
    )
    return session


def private_key(pem):
    for kind in (ECKey, OKPKey, RSAKey):
        try:
            return kind.import_key(pem)
        except (JoseError, TypeError, ValueError):
            continue
    raise SystemExit("assertion.key is no EC, Ed25519 or RSA key")


def verified(session, token_url, token):
    """The claims of the voucher, under the keys that the issuer publishes."""
    origin = token_url.rsplit("/", 1)[0]
    server = origin + "/.well-known/oauth-authorization-server"
    server = session.get(server, withhold_token=True).json()
    keys = session.get(server["jwks_uri"], withhold_token=True).json()
    names = list(ALGORITHMS.values())
    decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=names)
    assert decoded.header["typ"] == "at+jwt", decoded.header
    jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server["issuer"]},
        exp={"essential": True},
        aud={"essential": True},
    ).validate(decoded.claims)
    return decoded.claims


def proof(key, url):
    public = {name: key.as_dict(private=False)[name] for name in ("kty", "crv", "x", "y")}
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public}
    claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
    return jwt.encode(header, claims, key)


def thumbprint(key):
    """RFC 7638."""
    public = {name: key.as_dict(private=False)[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(public, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the test vectors of docs/modi-grpc.md beside itself: `python3 generate.py`.

Needs `cryptography` 43 or later. The keys are read from setting.json and kept; ECDSA is deterministic
(RFC 6979), so that running it again changes nothing. Every private key here is for tests only.
"""
import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HERE = pathlib.Path(__file__).parent
NOW = 1_800_000_000
CLIENT = "11111111-1111-4111-8111-111111111111"
OTHER_CLIENT = "22222222-2222-4222-8222-222222222222"
PURPOSE = "33333333-3333-4333-8333-333333333333"
AUDIENCE = "https://anagrafe.comune.example/v1"
METHOD = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza"
CONTENT_TYPE = "application/grpc+proto"
MESSAGE = b"\n\x05prova"
TRACKING = "agid-jwt-trackingevidence"
SIGNATURE = "agid-jwt-signature"


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(data):
    return base64.b64encode(data).decode()


def sha256(data):
    return hashlib.sha256(data).digest()


class Key:
    """A test key, under the name that its RFC 7638 thumbprint gives it."""

    def __init__(self, name, client, state, private):
        self.name, self.client, self.state, self.private = name, client, state, private
        self.jwk = jwk(private.public_key())
        canonical = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        self.kid = b64u(sha256(canonical.encode()))
        self.alg = {"EC": "ES256", "OKP": "EdDSA", "RSA": "RS256"}[self.jwk["kty"]]

    def public_pem(self):
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def private_pem(self):
        form = serialization.PrivateFormat.PKCS8
        plain = serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.PEM, form, plain).decode()

    def der(self, message):
        return self.private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def sign(self, message):
        if self.alg == "ES256":
            r, s = decode_dss_signature(self.der(message))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        if self.alg == "EdDSA":
            return self.private.sign(message)
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())


def jwk(public):
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers = public.public_numbers()
        x, y = (b64u(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"crv": "P-256", "kty": "EC", "x": x, "y": y}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u(public.public_bytes_raw())}
    numbers = public.public_numbers()
    n = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")
    return {"e": "AQAB", "kty": "RSA", "n": b64u(n)}


def keys():
    fresh = {
        "ec": (CLIENT, "active", lambda: ec.generate_private_key(ec.SECP256R1())),
        "ed": (CLIENT, "active", ed25519.Ed25519PrivateKey.generate),
        "rsa": (CLIENT, "active", lambda: rsa.generate_private_key(65537, 2048)),
        "revoked": (CLIENT, "revoked", lambda: ec.generate_private_key(ec.SECP256R1())),
        "other": (OTHER_CLIENT, "active", lambda: ec.generate_private_key(ec.SECP256R1())),
        "stranger": (None, "unknown", lambda: ec.generate_private_key(ec.SECP256R1())),
    }
    path = HERE / "setting.json"
    kept = {}
    if path.exists():
        for one in json.loads(path.read_text())["keys"]:
            pem = one["private_pem_for_tests_only"].encode()
            kept[one["name"]] = serialization.load_pem_private_key(pem, None)
    made = {}
    for name, (client, state, make) in fresh.items():
        made[name] = Key(name, client, state, kept.get(name) or make())
    return made


KEYS = keys()
EC = KEYS["ec"]


def text(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def jws(claims, head=None, key=EC, signature=None):
    """A token; claims and header may be given as text, the signature as bytes."""
    head = {"alg": key.alg, "kid": key.kid, "typ": "JWT"} if head is None else head
    message = f"{b64u(text(head).encode())}.{b64u(text(claims).encode())}"
    signature = key.sign(message.encode()) if signature is None else signature
    return f"{message}.{b64u(signature)}"


def tracking(**changes):
    claims = {
        "iss": CLIENT, "aud": AUDIENCE, "purposeId": PURPOSE, "jti": "evidence-1", "iat": NOW,
        "exp": NOW + 120, "userID": "matricola-4711", "userLocation": "sportello-2",
        "LoA": "https://www.spid.gov.it/SpidL2",
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


def digest(message=MESSAGE):
    return "SHA-256=" + b64(sha256(message))


def signed(*more, without=(), **changes):
    pairs = {"digest": digest(), "content-type": CONTENT_TYPE, "grpc-method": METHOD}
    pairs.update(changes.pop("headers", {}))
    listed = [{name: value} for name, value in pairs.items() if name not in without]
    claims = {
        "iss": CLIENT, "aud": AUDIENCE, "jti": "signature-1", "iat": NOW, "exp": NOW + 120,
        "signed_headers": listed + list(more),
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


VECTORS = {"tracking": [], "signature": []}


def vector(kind, name, metadata, expected, **more):
    case = {"name": name, "rule": [kind], "client_streaming": False, "voucher_digest": None}
    case["metadata"] = [["content-type", CONTENT_TYPE], *metadata]
    case["message"] = b64(MESSAGE)
    case.update(more)
    case["expected"] = expected
    VECTORS[kind].append(case)


def good(*single_use):
    return {"verdict": "accepted", "single_use": list(single_use)}


def bad(evidence, fault):
    reason = "EVIDENCE_REQUIRED" if fault == "missing" else "EVIDENCE_INVALID"
    return {"verdict": "refused", "reason": reason, "evidence": evidence, "fault": fault}


def common(kind, claims, around):
    """What is the same for both kinds: `claims` makes them, `around` puts a token into metadata."""
    def case(name, token, fault, **more):
        expected = good(kind) if fault is None else bad(kind, fault)
        vector(kind, name, around(token), expected, **more)

    def head(**changes):
        whole = {"alg": "ES256", "kid": EC.kid, "typ": "JWT", **changes}
        return {name: value for name, value in whole.items() if value is not None}

    for key in ("ec", "ed", "rsa"):
        case(f"signed by the client's {key} key", jws(claims(), key=KEYS[key]), None)
    case("EdDSA by its newer name (RFC 9864)",
         jws(claims(), {"alg": "Ed25519", "kid": KEYS["ed"].kid, "typ": "JWT"}, KEYS["ed"]), None)
    case("iat five seconds ahead", jws(claims(iat=NOW + 5)), None)
    case("iat five minutes ago", jws(claims(iat=NOW - 300)), None)
    case("last second before exp", jws(claims(exp=NOW + 1)), None)
    case("sub, client_id and nbf", jws(claims(sub=CLIENT, client_id=CLIENT, nbf=NOW)), None)

    message = jws(claims(), head(alg="HS256")).rsplit(".", 1)[0].encode()
    secret = hmac.new(EC.public_pem().encode(), message, hashlib.sha256).digest()
    case("alg none", jws(claims(), head(alg="none"), signature=b""), "algorithm")
    case("HS256 keyed with the public key", jws(claims(), head(alg="HS256"), signature=secret), "algorithm")
    case("alg of another kind of key", jws(claims(), head(alg="RS256")), "algorithm")
    case("alg in lower case", jws(claims(), head(alg="es256")), "algorithm")
    case("header with x5c", jws(claims(), head(x5c=["MIIB"])), "header")
    case("header with jwk", jws(claims(), head(jwk=EC.jwk)), "header")
    case("header with jku", jws(claims(), head(jku="https://example.org/jwks")), "header")
    case("header with crit", jws(claims(), head(crit=["exp"])), "header")
    case("header without typ", jws(claims(), head(typ=None)), "header")
    case("typ at+jwt", jws(claims(), head(typ="at+jwt")), "header")
    case("typ in lower case", jws(claims(), head(typ="jwt")), "header")
    case("header without kid", jws(claims(), head(kid=None)), "header")
    case("header with kid twice", jws(claims(), '{"kid":"x",' + text(head())[1:]), "header")
    case("kid that nobody knows", jws(claims(), key=KEYS["stranger"]), "key")
    case("kid of another client", jws(claims(), key=KEYS["other"]), "key")
    case("kid of a revoked key", jws(claims(), key=KEYS["revoked"]), "key")
    case("signed by another key", jws(claims(), head(), key=KEYS["other"]), "signature")
    altered = jws(claims()).split(".")
    altered[1] = b64u(text(claims(jti="altered")).encode())
    case("claims altered after signing", ".".join(altered), "signature")
    der = EC.der(jws(claims()).rsplit(".", 1)[0].encode())
    case("signature in DER", jws(claims(), signature=der), "signature")
    case("signature with padding", jws(claims()) + "==", "signature")
    case("two parts", jws(claims()).rsplit(".", 1)[0], "form")
    case("five parts, as a JWE", jws(claims()) + ".AA.AA", "form")
    case("more than 4 KiB", jws(claims(jti="j" * 3100)), "form")
    twice = '{"jti":"other",' + text(claims())[1:]
    case("claim twice", jws(twice), "claims")
    case("claim twice, once escaped", jws('{"\\u006ati":"other",' + text(claims())[1:]), "claims")
    case("claims that are a list", jws([claims()]), "claims")
    case("claim that nobody judges", jws(claims(scope="tutto")), "claims")
    for name in ("iss", "aud", "jti", "iat", "exp"):
        case(f"without {name}", jws(claims(**{name: None})), "claims")
    case("jti empty", jws(claims(jti="")), "claims")
    case("jti of 129 characters", jws(claims(jti="j" * 129)), "claims")
    case("iat as text", jws(claims(iat=str(NOW))), "claims")
    case("iat with a fraction", jws(claims(iat=NOW + 0.5)), "claims")
    case("aud as a list", jws(claims(aud=[AUDIENCE])), "claims")
    case("aud of another e-service", jws(claims(aud=AUDIENCE + "/")), "audience")
    case("iss of another client", jws(claims(iss=OTHER_CLIENT)), "issuer")
    case("sub of another client", jws(claims(sub=OTHER_CLIENT)), "issuer")
    case("purposeId of another purpose", jws(claims(purposeId=OTHER_CLIENT)), "purpose")
    case("iat six seconds ahead", jws(claims(iat=NOW + 6)), "time")
    case("nbf six seconds ahead", jws(claims(nbf=NOW + 6)), "time")
    case("older than five minutes", jws(claims(iat=NOW - 301)), "time")
    case("exp now", jws(claims(exp=NOW)), "expired")
    token = jws(claims())
    case("two tokens in one value", f"{token},{token}", "several")
    vector(kind, "metadata key twice", around(token) + [[AGID[kind], token]], bad(kind, "several"))
    rest = [pair for pair in around(token) if pair[0] != AGID[kind]]
    vector(kind, "asked for and absent", rest, bad(kind, "missing"))
    vector(kind, "neither asked for nor there", [], good(), rule=[])
    case("not asked for and good", token, None, rule=[])
    case("not asked for and bad", jws(claims(exp=NOW)), "expired", rule=[])


AGID = {"tracking": TRACKING, "signature": SIGNATURE}


def tracking_vectors():
    def case(name, claims, fault, **more):
        expected = good("tracking") if fault is None else bad("tracking", fault)
        vector("tracking", name, [[TRACKING, jws(claims)]], expected, **more)

    common("tracking", tracking, lambda token: [[TRACKING, token]])
    case("without LoA", tracking(LoA=None), None)
    case("request that is a stream", tracking(), None, client_streaming=True)
    for name in ("purposeId", "userID", "userLocation"):
        case(f"without {name}", tracking(**{name: None}), "claims")
    case("userID empty", tracking(userID=""), "claims")
    case("userID of 257 characters", tracking(userID="u" * 257), "claims")
    case("userID that is a number", tracking(userID=4711), "claims")
    case("userLocation with a line end", tracking(userLocation="a\nb"), "claims")
    case("LoA that is a number", tracking(LoA=2), "claims")
    case("dnonce of 13 digits, voucher without digest", tracking(dnonce=1234567890123), None)
    case("dnonce of 12 digits, voucher without digest", tracking(dnonce=123456789012), "dnonce")
    pinned_vectors()


def pinned_vectors():
    """AUDIT_REST_02: the voucher names the evidence."""
    def case(name, token, expected, value=None, alg="SHA256"):
        value = sha256(token.encode()).hex() if value is None else value
        pinned = {"alg": alg, "value": value}
        vector("tracking", name, [[TRACKING, token]], expected, voucher_digest=pinned)

    token = jws(tracking(dnonce=1234567890123))
    value = sha256(token.encode()).hex()
    other = bad("tracking", "voucher_digest")
    case("voucher names the evidence", token, good())
    case("voucher names it in capital hexadecimal", token, good(), value.upper())
    case("voucher names another evidence", token, other, sha256(b"other").hex())
    case("voucher digest of 63 characters", token, other, value[:-1])
    case("voucher digest of 65 characters", token, other, value + "0")
    case("voucher digest in base64", token, other, b64(sha256(token.encode())))
    case("voucher digest named SHA-256", token, other, alg="SHA-256")
    wrong = {
        "missing": None, "of 12 digits": 123456789012, "of 14 digits": 12345678901234,
        "as text": "1234567890123", "negative": -1234567890123, "with a fraction": 1234567890123.5,
    }
    for name, dnonce in wrong.items():
        case(f"dnonce {name}", jws(tracking(dnonce=dnonce)), bad("tracking", "dnonce"))
    vector("tracking", "voucher names evidence that does not come", [], bad("tracking", "missing"),
           voucher_digest={"alg": "SHA256", "value": value})


def signature_vectors():
    def around(token, *more, digest_value=None):
        return [["digest", digest() if digest_value is None else digest_value], *more, [SIGNATURE, token]]

    def case(name, claims, fault, *more, part="signature", digest_value=None, **other):
        expected = good("signature") if fault is None else bad(part, fault)
        metadata = around(jws(claims), *more, digest_value=digest_value)
        vector("signature", name, metadata, expected, **other)

    common("signature", signed, around)
    backwards = list(reversed(signed()["signed_headers"]))
    case("signed_headers in another order", signed(signed_headers=backwards), None)
    case("purposeId of the voucher", signed(purposeId=PURPOSE), None)
    case("another key signed too", signed({"x-correlation-id": "c-1"}), None, ["x-correlation-id", "c-1"])
    case("encoding signed", signed({"grpc-encoding": "identity"}), None, ["grpc-encoding", "identity"])
    case("encoding not signed", signed(), "unsigned", ["grpc-encoding", "identity"])
    for name in ("digest", "content-type", "grpc-method"):
        case(f"{name} not signed", signed(without=[name]), "unsigned")
    case("signed_headers absent", signed(signed_headers=None), "signed_headers")
    case("signed_headers that is an object", signed(signed_headers={"digest": digest()}), "signed_headers")
    case("two members in one object", signed({"a": "1", "b": "2"}), "signed_headers")
    case("object without members", signed({}), "signed_headers")
    case("name twice, same value", signed({"content-type": CONTENT_TYPE}), "signed_headers")
    case("name twice, other value", signed({"digest": "SHA-256=x"}), "signed_headers")
    case("name in capitals", signed({"Digest": digest()}, without=["digest"]), "signed_headers")
    case("value that is no text", signed({"x-n": 1}), "signed_headers", ["x-n", "1"])
    case("more than 16 names", signed(*[{f"x-{n}": "1"} for n in range(14)]), "signed_headers",
         *[[f"x-{n}", "1"] for n in range(14)])
    case("other content-type", signed(headers={"content-type": "application/grpc"}), "mismatch")
    case("other method", signed(headers={"grpc-method": METHOD + "2"}), "mismatch")
    case("method with a slash before it", signed(headers={"grpc-method": "/" + METHOD}), "mismatch")
    case("signed key that does not come", signed({"x-absent": ""}), "mismatch")
    case("signed key that comes twice", signed({"x-n": "1"}), "mismatch", ["x-n", "1"], ["x-n", "1"])
    case("digest signed is not the one that came", signed(headers={"digest": digest(b"other")}), "mismatch")
    case("request that is a stream", signed(), "stream", client_streaming=True, rule=[])
    digest_vectors(case)
    token = jws(signed())
    vector("signature", "digest absent", [[SIGNATURE, token]], bad("digest", "missing"))
    twice = around(token) + [["digest", digest()]]
    vector("signature", "digest twice", twice, bad("digest", "several"))
    vector("signature", "digest without signature, not asked for", [["digest", "anything"]], good(), rule=[])


def digest_vectors(case):
    def valued(name, value):
        case(name, signed(headers={"digest": value}), "form", part="digest", digest_value=value)

    raw = sha256(MESSAGE)
    valued("digest in hexadecimal", "SHA-256=" + raw.hex())
    valued("digest in base64url", "SHA-256=" + base64.urlsafe_b64encode(b"\xff" * 32).decode())
    valued("digest without padding", "SHA-256=" + b64(raw).rstrip("="))
    valued("digest named in lower case", "sha-256=" + b64(raw))
    valued("digest SHA-512", "SHA-512=" + b64(hashlib.sha512(MESSAGE).digest()))
    valued("two digests in one value", f"{digest()},{digest()}")
    valued("digest of 31 bytes", "SHA-256=" + b64(raw[:31]))
    framed = digest(b"\0" + len(MESSAGE).to_bytes(4, "big") + MESSAGE)
    for name, value in {"another message": digest(b"other"), "the message with its gRPC prefix": framed}.items():
        case(f"digest of {name}", signed(headers={"digest": value}), "message", part="digest", digest_value=value)
    empty = digest(b"")
    case("empty message", signed(headers={"digest": empty}), None, digest_value=empty, message="")


def main():
    tracking_vectors()
    signature_vectors()
    setting = {
        "about": "Test vectors of docs/modi-grpc.md; every private key here is public, for tests only.",
        "now": NOW,
        "client_id": CLIENT,
        "purpose_id": PURPOSE,
        "audience": AUDIENCE,
        "method": METHOD,
        "keys": [
            {
                "name": key.name, "client_id": key.client, "state": key.state, "kid": key.kid,
                "public_pem": key.public_pem(), "private_pem_for_tests_only": key.private_pem(),
            }
            for key in KEYS.values()
        ],
    }
    for name, content in {"setting": setting, **VECTORS}.items():
        written = json.dumps(content, indent=1, ensure_ascii=True)
        (HERE / f"{name}.json").write_text(written + "\n")


if __name__ == "__main__":
    main()

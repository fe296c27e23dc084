//! What the authority certifies, and what it refuses to.

use rcgen::string::Ia5String;
use x509_parser::prelude::{GeneralName, ParsedExtension};

use super::*;

const DOMAIN: &str = "spiffe://c_z999";
const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
const MONTH: Duration = Duration::from_hours(720);

fn ca() -> Ca {
    Ca::generate("Comune di Esempio", NOW).unwrap().0
}

fn issue(csr: &str) -> Result<Issued, Error> {
    ca().issue_from_csr(csr, &Holder::client(DOMAIN, "id-7"), NOW, MONTH)
}

/// A request that wishes to be the gateway, an authority and a server.
fn greedy(key: &KeyPair) -> String {
    let mut params = CertificateParams::new(vec!["gateway.comune.example".to_owned()]).unwrap();
    let gateway: Ia5String = "spiffe://c_z999/gateway".try_into().unwrap();
    params.subject_alt_names.push(SanType::URI(gateway));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
        .distinguished_name
        .push(DnType::CommonName, "gateway");
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn certificate_says_what_the_authority_decides_and_nothing_of_the_request() {
    let key = KeyPair::generate().unwrap();

    let issued = issue(&greedy(&key)).unwrap();

    let der = der(&issued.certificate);
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    let uses = leaf.extended_key_usage().unwrap().unwrap().value;
    assert_eq!(
        names.value.general_names,
        [GeneralName::URI("spiffe://c_z999/client/id-7")]
    );
    assert_eq!(leaf.subject().to_string(), "CN=id-7");
    assert!(uses.client_auth && !uses.server_auth);
    assert!(!leaf.is_ca());
    let signs = leaf.extensions().iter().any(|it| {
        matches!(it.parsed_extension(), ParsedExtension::KeyUsage(uses) if uses.key_cert_sign())
    });
    assert!(!signs);
    assert_eq!(*leaf.public_key().subject_public_key.data, *key.der_bytes());
}

#[test]
fn certificate_lives_as_long_as_asked_and_is_known_by_its_serial() {
    let key = generate_key(KeyKind::EcP256).unwrap();
    let csr = csr::request(&key).unwrap();

    let (one, two) = (issue(&csr).unwrap(), issue(&csr).unwrap());

    let der = der(&one.certificate);
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(one.not_after.as_second(), NOW.as_second() + 30 * 24 * 3600);
    assert_eq!(
        leaf.validity().not_after.timestamp(),
        one.not_after.as_second()
    );
    assert_eq!(hex::encode(leaf.serial.to_bytes_be()), one.serial);
    assert_ne!(one.serial, two.serial);
    assert_eq!(
        Some(one.thumbprint),
        crate::tls::thumbprint(&one.certificate)
    );
}

#[test]
fn service_serves_under_a_name_of_its_own() {
    let key = generate_key(KeyKind::Ed25519).unwrap();
    let holder = Holder::service(DOMAIN, "albo");

    let issued = ca().issue_from_csr(&csr::request(&key).unwrap(), &holder, NOW, LONGEST_LIFE);

    let der = der(&issued.unwrap().certificate);
    let (_, leaf) = X509Certificate::from_der(&der).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    let names = &names.general_names;
    assert!(
        leaf.extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .server_auth
    );
    assert!(names.contains(&GeneralName::DNSName("albo.varco.internal")));
    assert!(names.contains(&GeneralName::URI("spiffe://c_z999/service/albo")));
}

#[test]
fn every_strong_kind_of_key_is_certified() {
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA512, RsaKeySize::_2048).unwrap();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();

    for key in [rsa, p384, ed25519] {
        let issued = issue(&greedy(&key)).unwrap();

        let der = der(&issued.certificate);
        let (_, leaf) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(*leaf.public_key().subject_public_key.data, *key.der_bytes());
    }
}

#[test]
fn request_signed_with_another_key_is_refused() {
    let pem = greedy(&KeyPair::generate().unwrap());
    let mut request = pem::parse(&pem);
    *request.last_mut().unwrap() ^= 1;

    let refused = issue(&pem::write(&request)).unwrap_err();

    assert!(matches!(refused, Error::RequestSignature), "{refused}");
}

#[test]
fn weak_keys_and_curves_that_are_not_taken_are_named() {
    for (file, said) in [
        (include_str!("testdata/rsa1024.csr"), "RSA of 1024 bits"),
        (
            include_str!("testdata/p521.csr"),
            "EC on curve 1.3.132.0.35",
        ),
        (
            include_str!("testdata/secp256k1.csr"),
            "EC on curve 1.3.132.0.10",
        ),
    ] {
        let refused = issue(file).unwrap_err().to_string();

        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn what_is_no_request_is_refused_with_the_reason() {
    let key = generate_key(KeyKind::EcP256).unwrap();

    let private = issue(&key).unwrap_err();
    let certificate = issue(ca().pem()).unwrap_err();
    let nothing = issue("").unwrap_err();

    assert!(matches!(private, Error::PrivateKey), "{private}");
    assert!(matches!(certificate, Error::Request), "{certificate}");
    assert!(matches!(nothing, Error::Request), "{nothing}");
}

#[test]
fn life_beyond_ninety_days_is_refused() {
    let csr = csr::request(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let holder = Holder::operator(DOMAIN, "rossi");

    let long = ca().issue_from_csr(&csr, &holder, NOW, LONGEST_LIFE + Duration::from_secs(1));
    let none = ca().issue_from_csr(&csr, &holder, NOW, Duration::ZERO);

    assert!(matches!(long, Err(Error::Life)));
    assert!(matches!(none, Err(Error::Life)));
}

#[test]
fn certificate_does_not_outlive_its_authority() {
    let csr = csr::request(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let holder = Holder::client(DOMAIN, "id-7");
    let ca = ca();
    let late = Timestamp::from_second(ca.end - 3600 * 24).unwrap();

    let issued = ca.issue_from_csr(&csr, &holder, late, MONTH).unwrap();

    assert_eq!(issued.not_after.as_second(), ca.end);
}

#[test]
fn key_of_another_authority_is_refused() {
    let (ca, _) = Ca::generate("uno", NOW).unwrap();
    let (_, other) = Ca::generate("due", NOW).unwrap();

    let refused = Ca::load(ca.pem().to_owned(), &other).unwrap_err();

    assert!(matches!(refused, Error::Authority), "{refused}");
}

#[test]
fn common_name_of_a_request_is_only_read() {
    let pem = greedy(&KeyPair::generate().unwrap());

    assert_eq!(csr::common_name(&pem).as_deref(), Some("gateway"));
    assert_eq!(csr::common_name("no request"), None);
}

/// PEM by hand, so that a test can change a byte.
mod pem {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub fn parse(pem: &str) -> Vec<u8> {
        let lines = pem.lines().filter(|line| !line.starts_with("-----"));
        STANDARD.decode(lines.collect::<String>()).unwrap()
    }

    pub fn write(der: &[u8]) -> String {
        format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            STANDARD.encode(der)
        )
    }
}

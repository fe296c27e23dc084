//! What else a header may try: keys of its own, names of keys, extensions, other kinds of token.

use serde_json::{Value, json};

use super::forge::{bent, longer, stranger, without};
use super::{Case, Cast};

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    [
        keys_of_its_own(cast),
        extensions(cast),
        names_of_keys(cast),
        kinds(cast),
        members_given_twice(cast),
        no_object(cast),
    ]
    .concat()
}

/// Keys that the token brings along or says where to fetch (RFC 7515 §4.1.2 to 4.1.8).
fn keys_of_its_own(cast: &Cast) -> Vec<Case> {
    let nobody = cast.ec.under(stranger());
    let elsewhere = "https://keys.example/set.json";
    let members = [
        json!({"jwk": nobody.forge.jwk}),
        json!({"jwk": {}}),
        json!({"jku": elsewhere}),
        json!({"jku": "file:///etc/passwd"}),
        json!({"jku": cast.issuer}),
        json!({"x5u": elsewhere}),
        json!({"x5c": ["MIIB"]}),
        json!({"x5c": []}),
    ];
    let mut cases = Vec::new();
    for members in members {
        // Under the client's own good signature as well as under the stranger's.
        let own = cast.ec.with_header(&members);
        cases.push(Case::new(format!("own key, {members}"), &own, MALFORMED));
        let named = bent(members.clone(), &json!({"kid": cast.ec.forge.kid}));
        let foreign = nobody.with_header(&named);
        cases.push(Case::new(
            format!("a stranger's key, {members}"),
            &foreign,
            MALFORMED,
        ));
    }
    // Thumbprints choose no key: the kid does.
    for member in ["x5t", "x5t#S256"] {
        let thumbprint = json!({member: "AAAA", "kid": cast.ec.forge.kid});
        let token = nobody.with_header(&thumbprint);
        cases.push(Case::new(
            format!("{member} of a stranger"),
            &token,
            SIGNATURE,
        ));
        let header = without(bent(cast.ec.header(), &json!({member: "AAAA"})), "kid");
        cases.push(Case::new(
            format!("{member} in place of kid"),
            &sealed(cast, &header),
            MALFORMED,
        ));
    }
    cases
}

/// Extensions that must be understood (RFC 7515 §4.1.11), and ones that have no place in a JWT
/// (RFC 7797 §7, RFC 7516 §4.1.3).
fn extensions(cast: &Cast) -> Vec<Case> {
    let members = [
        json!({"crit": []}),
        json!({"crit": ["exp"], "exp": 1}),
        json!({"crit": ["kid"]}),
        json!({"crit": "exp"}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["b64"], "b64": true}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
    ];
    members
        .into_iter()
        .map(|members| {
            Case::new(
                members.to_string(),
                &cast.ec.with_header(&members),
                MALFORMED,
            )
        })
        .collect()
}

fn names_of_keys(cast: &Cast) -> Vec<Case> {
    let own = &cast.ec.forge.kid;
    let texts = [
        String::new(),
        "../../../../etc/passwd".to_owned(),
        "..\\..\\windows\\win.ini".to_owned(),
        "/dev/null".to_owned(),
        "' OR '1'='1".to_owned(),
        "x'; DROP TABLE entry; --".to_owned(),
        "x' UNION SELECT pem FROM entry --".to_owned(),
        "$(id)".to_owned(),
        "| id".to_owned(),
        "${jndi:ldap://keys.example/x}".to_owned(),
        "https://keys.example/key".to_owned(),
        "%".to_owned(),
        "*".to_owned(),
        "\u{0}".to_owned(),
        format!("{own}\u{0}"),
        format!("{own}="),
        format!(" {own}"),
        format!("{own}\n"),
        format!("./{own}"),
        own.to_uppercase(),
        own[..own.len() - 1].to_owned(),
        "\u{202e}chiave".to_owned(),
        "k".repeat(4096),
        cast.voucher_kid.clone(),
    ];
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|kid| {
            let token = cast.ec.with_header(&json!({"kid": kid}));
            Case::new(format!("kid {kid:.40?}"), &token, "KEY_UNKNOWN")
        })
        .collect();
    let others = [
        json!(null),
        json!(1),
        json!(false),
        json!([own]),
        json!({"kid": own}),
    ];
    for kid in others {
        let token = cast.ec.with_header(&json!({"kid": kid}));
        cases.push(Case::new(format!("kid is {kid}"), &token, MALFORMED));
    }
    let header = without(cast.ec.header(), "kid");
    cases.push(Case::new("no kid", &sealed(cast, &header), MALFORMED));
    cases
}

/// Tokens of another kind, signed by the client itself (RFC 8725 §3.11).
fn kinds(cast: &Cast) -> Vec<Case> {
    let kinds = [
        json!(""),
        json!("at+jwt"),
        json!("AT+JWT"),
        json!("application/at+jwt"),
        json!("varco-grant+jwt"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("JOSE"),
        json!("JWT "),
        json!("JW"),
        json!(1),
        json!(["JWT"]),
    ];
    kinds
        .into_iter()
        .map(|typ| {
            let token = cast.ec.with_header(&json!({"typ": typ}));
            Case::new(format!("typ {typ}"), &token, MALFORMED)
        })
        .collect()
}

/// A reader that keeps the first and one that keeps the last would not see the same token.
fn members_given_twice(cast: &Cast) -> Vec<Case> {
    let kid = &cast.ec.forge.kid;
    let members = [
        r#""alg":"ES256""#.to_owned(),
        r#""alg":"none""#.to_owned(),
        r#""typ":"at+jwt""#.to_owned(),
        format!(r#""kid":"{kid}""#),
        r#""kid":"another""#.to_owned(),
        format!(r#""\u006bid":"{kid}""#),
        r#""cty":"JWT","cty":"JWT""#.to_owned(),
        r#""x":{"y":1,"y":2}"#.to_owned(),
    ];
    members
        .into_iter()
        .map(|members| {
            let header = longer(&cast.ec.header(), &members);
            let token = cast.ec.forge.seal(header, cast.ec.claims().to_string());
            Case::new(format!("twice: {members}"), &token, MALFORMED)
        })
        .collect()
}

fn no_object(cast: &Cast) -> Vec<Case> {
    let header = cast.ec.header().to_string();
    let kid = &cast.ec.forge.kid;
    let deep = |of: usize| format!("{}{}", "[".repeat(of), "]".repeat(of));
    let headers: [(&str, Vec<u8>); 13] = [
        ("empty header", Vec::new()),
        ("header null", b"null".to_vec()),
        ("header []", b"[]".to_vec()),
        (
            "header as a list of its members",
            format!(r#"["ES256","JWT","{kid}",null,null,null,null,null]"#).into(),
        ),
        (
            "header in quotes",
            Value::from(header.clone()).to_string().into(),
        ),
        ("two headers", header.repeat(2).into()),
        ("header and more", format!("{header}x").into()),
        ("header without its end", header[..header.len() - 1].into()),
        (
            "header after a byte order mark",
            format!("\u{feff}{header}").into(),
        ),
        (
            "header with a comma too many",
            header.replace('}', ",}").into(),
        ),
        (
            "header that is no UTF-8",
            header.replace("JWT", "J").into_bytes_with(0xff),
        ),
        (
            "deep alg",
            bent(json!({"typ": "JWT", "kid": kid}), &json!({"alg": 0}))
                .to_string()
                .replace(":0", &format!(":{}", deep(2000)))
                .into(),
        ),
        (
            "deep member",
            longer(&cast.ec.header(), &format!(r#""x":{}"#, deep(2000))).into(),
        ),
    ];
    headers
        .into_iter()
        .map(|(what, header)| {
            let token = cast.ec.forge.seal(header, cast.ec.claims().to_string());
            Case::new(what, &token, MALFORMED)
        })
        .collect()
}

/// A good assertion under another header.
fn sealed(cast: &Cast, header: &Value) -> String {
    let claims = cast.ec.claims().to_string();
    cast.ec.forge.seal(header.to_string(), claims)
}

/// Text that is spoiled by a byte.
trait Spoiled {
    /// The bytes, with this one in place of each `J`.
    fn into_bytes_with(self, byte: u8) -> Vec<u8>;
}

impl Spoiled for String {
    fn into_bytes_with(self, byte: u8) -> Vec<u8> {
        let spoil = |b: u8| if b == b'J' { byte } else { b };
        self.into_bytes().into_iter().map(spoil).collect()
    }
}

const MALFORMED: &str = "ASSERTION_MALFORMED";
const SIGNATURE: &str = "ASSERTION_SIGNATURE";

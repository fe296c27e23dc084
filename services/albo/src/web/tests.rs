//! The public pages, as a browser asks for them.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::esempio::{DOCUMENTO, instant, nuova, publish};
use crate::scadenza::Scadenza;

#[tokio::test]
async fn act_is_listed_with_its_text_escaped() {
    let (town, _published) = town_with_an_act().await;

    let (status, page) = town.get("/").await;

    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Acquisto di sedie &amp; tavoli &lt;ufficio&gt;"));
    assert!(page.contains("Comune di Lodi"));
    assert!(page.contains("lang=\"it\""));
}

#[tokio::test]
async fn page_of_an_act_attests_both_terms_and_the_hash() {
    let (town, published) = town_with_an_act().await;

    let (status, page) = town.get("/pubblicazioni/2026/1").await;

    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("16 marzo 2026") && page.contains("17 marzo 2026"));
    assert!(page.contains(&published.atto.sha256.to_string()));
    assert!(page.contains("0000001/2026"));
}

#[tokio::test]
async fn document_is_sent_as_its_bytes() {
    let (town, published) = town_with_an_act().await;

    let response = town.response("GET", &document(&published)).await;

    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "application/pdf");
    assert_eq!(header("content-length"), DOCUMENTO.len().to_string());
    assert_eq!(
        header("content-disposition"),
        "inline; filename=\"albo-2026-0000001.pdf\""
    );
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes, DOCUMENTO);
}

#[tokio::test]
async fn type_that_could_run_is_downloaded_as_bytes() {
    let town = Town::new().await;
    let mut nuova = nuova(instant("2026-03-02T09:00:00Z"));
    nuova.copia.media_type = "text/html".to_owned();
    let published = town.publish(nuova).await;

    let response = town.response("GET", &document(&published)).await;

    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
    let disposition = response.headers()["content-disposition"].to_str().unwrap();
    assert!(disposition.starts_with("attachment"));
}

#[tokio::test]
async fn everything_is_gone_at_the_midnight_after_the_last_day() {
    let (town, published) = town_with_an_act().await;
    let addresses = ["/pubblicazioni/2026/1", &document(&published)];

    // 17 March is the last day; Rome is one hour ahead of UTC until the 29th.
    town.board.clock.set(instant("2026-03-17T22:59:59Z"));
    for address in addresses {
        assert_eq!(town.get(address).await.0, StatusCode::OK, "{address}");
    }
    town.board.clock.set(instant("2026-03-17T23:00:00Z"));
    for address in addresses {
        let (status, page) = town.get(address).await;
        assert_eq!(status, StatusCode::GONE, "{address}");
        assert!(!page.contains("sedie"), "{address}");
    }
    for address in ["/", "/albo.json", "/albo.rss"] {
        assert!(!town.get(address).await.1.contains("sedie"), "{address}");
    }
}

#[tokio::test]
async fn bytes_are_deleted_and_the_end_recorded_when_the_term_is_over() {
    let (town, published) = town_with_an_act().await;
    let Board {
        db,
        clock,
        archivio,
        ..
    } = town.board.clone();
    let scadenza = Scadenza {
        db,
        clock,
        archivio,
    };

    let before = scadenza.take_off().await.unwrap();
    town.board.clock.set(instant("2026-03-17T23:00:00Z"));
    let at_the_end = scadenza.take_off().await.unwrap();
    let again = scadenza.take_off().await.unwrap();

    assert_eq!((before, at_the_end, again), (0, 1, 0));
    let copy = town
        .board
        .archivio
        .read(published.copia.chiave, published.atto.sha256)
        .await;
    assert!(copy.is_err());
    assert_eq!(town.get(&document(&published)).await.0, StatusCode::GONE);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let (town, _published) = town_with_an_act().await;

    for address in [
        "/altro",
        "/pubblicazioni/2026/2",
        "/pubblicazioni/2026/x",
        "/documenti/00000000000000000000000000000000",
        "/documenti/..%2f..%2fetc%2fpasswd",
        "/?oltre=x",
    ] {
        assert_eq!(
            town.get(address).await.0,
            StatusCode::NOT_FOUND,
            "{address}"
        );
    }
}

#[tokio::test]
async fn every_answer_keeps_out_of_caches_frames_and_search_engines() {
    let (town, published) = town_with_an_act().await;

    for address in [
        "/",
        "/albo.json",
        "/albo.rss",
        "/robots.txt",
        "/altro",
        &document(&published),
    ] {
        let response = town.response("GET", address).await;
        let headers = response.headers();
        assert_eq!(headers["x-robots-tag"], "noindex, noarchive", "{address}");
        assert_eq!(headers["cache-control"], "no-store", "{address}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{address}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{address}");
        assert!(policy.contains("frame-ancestors 'none'"), "{address}");
    }
}

#[tokio::test]
async fn board_can_only_be_read() {
    let (town, _published) = town_with_an_act().await;

    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let response = town.response(method, "/").await;
        assert_eq!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED,
            "{method}"
        );
    }
    let response = town.response("HEAD", "/pubblicazioni/2026/1").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn long_list_is_paged_newest_first() {
    let town = Town::new().await;
    for _ in 0..51 {
        town.publish(nuova(instant("2026-03-02T09:00:00Z"))).await;
    }

    let (_, first) = town.get("/").await;
    let (_, second) = town.get("/?oltre=2026/2").await;

    assert_eq!(first.matches("<article>").count(), 50);
    assert!(first.find("/pubblicazioni/2026/51").unwrap() < first.find("2026/50\"").unwrap());
    assert!(first.contains("href=\"/?oltre=2026/2\""));
    assert_eq!(second.matches("<article>").count(), 1);
    assert!(!second.contains("oltre="));
}

#[tokio::test]
async fn json_has_absolute_addresses() {
    let (town, published) = town_with_an_act().await;

    let (_, text) = town.get("/albo.json").await;

    let albo: serde_json::Value = serde_json::from_str(&text).unwrap();
    let act = &albo["pubblicazioni"][0];
    assert_eq!(act["pagina"], "https://albo.example/pubblicazioni/2026/1");
    assert_eq!(
        act["documento"],
        format!("https://albo.example{}", document(&published))
    );
    assert_eq!(act["termine_giorni_interi"], "2026-03-17");
    assert!(albo["successiva"].is_null());
}

#[tokio::test]
async fn feed_follows_the_albopop_specification() {
    let (town, published) = town_with_an_act().await;

    let (status, xml) = town.get("/albo.rss").await;

    assert_eq!(status, StatusCode::OK);
    let specs = "http://albopop.it/specs#";
    let enclosure = format!(
        "<enclosure url=\"https://albo.example{}\" length=\"{}\" type=\"application/pdf\">",
        document(&published),
        DOCUMENTO.len(),
    );
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\"",
        "<title>AlboPOP - Comune - Lodi</title>",
        "<link>https://albo.example/albo.rss</link>",
        "<language>it</language>",
        "<pubDate>Mon, 02 Mar 2026 10:00:00 +0100</pubDate>",
        "<xhtml:meta name=\"robots\" content=\"noindex\"></xhtml:meta>",
        &format!("<category domain=\"{specs}channel-category-type\">Comune</category>"),
        &format!("<category domain=\"{specs}channel-category-name\">Comune di Lodi</category>"),
        &format!("<category domain=\"{specs}channel-category-uid\">istat:098031</category>"),
        "<title>Acquisto di sedie &amp; tavoli &lt;ufficio&gt;</title>",
        "<guid isPermaLink=\"true\">https://albo.example/pubblicazioni/2026/1</guid>",
        &format!("<category domain=\"{specs}item-category-uid\">2026/1</category>"),
        &enclosure,
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
    let end = format!(
        "<category domain=\"{specs}item-category-pubEnd\">Tue, 17 Mar 2026 00:00:00 +0100<"
    );
    assert!(xml.contains(&end), "{xml}");
}

#[tokio::test]
async fn feed_of_many_acts_is_chained_so_that_none_is_lost() {
    let town = Town::new().await;
    for _ in 0..26 {
        town.publish(nuova(instant("2026-03-02T09:00:00Z"))).await;
    }

    let (_, first) = town.get("/albo.rss").await;
    let (_, second) = town.get("/albo.rss?oltre=2026/2").await;

    assert_eq!(first.matches("<item>").count(), 25);
    assert!(first.contains("href=\"https://albo.example/albo.rss?oltre=2026/2\""));
    assert_eq!(second.matches("<item>").count(), 1);
}

/// A board on SQLite; the statements of both databases are tested in `store`.
struct Town {
    board: Board,
    _keep: (Fresh, TempDir),
}

impl Town {
    async fn new() -> Self {
        let fresh = each_db(store::MIGRATIONS).await.unwrap().remove(0);
        let folder = TempDir::new().unwrap();
        let settings = Settings {
            comune: "Lodi".to_owned(),
            base_url: "https://albo.example/".to_owned(),
            email: "albo@comune.example".to_owned(),
            codice_istat: Some("098031".to_owned()),
            provincia: Some("Lodi".to_owned()),
            regione: Some("Lombardia".to_owned()),
            purpose_protocollo: "verifica".to_owned(),
            purpose_documenti: "copia".to_owned(),
        };
        let board = Board {
            db: fresh.db.clone(),
            clock: Clock::fixed(instant("2026-03-02T09:00:00Z")),
            archivio: Archivio::open(folder.path(), &[]).await.unwrap(),
            settings: settings.into(),
        };
        Self {
            board,
            _keep: (fresh, folder),
        }
    }

    async fn publish(&self, nuova: store::Nuova) -> Pubblicazione {
        let archivio = &self.board.archivio;
        let chiave = nuova.copia.chiave;
        let mut bozza = archivio.begin(chiave).await.unwrap();
        bozza.write(DOCUMENTO).await.unwrap();
        archivio
            .keep(bozza.finish().await.unwrap(), chiave)
            .await
            .unwrap();
        publish(&self.board.db, nuova, &chiave.to_string()).await
    }

    async fn response(&self, method: &str, address: &str) -> Response {
        let request = Request::builder()
            .method(method)
            .uri(address)
            .body(Body::empty())
            .unwrap();
        router(self.board.clone()).oneshot(request).await.unwrap()
    }

    async fn get(&self, address: &str) -> (StatusCode, String) {
        let response = self.response("GET", address).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

async fn town_with_an_act() -> (Town, Pubblicazione) {
    let town = Town::new().await;
    let published = town.publish(nuova(instant("2026-03-02T09:00:00Z"))).await;
    (town, published)
}

fn document(published: &Pubblicazione) -> String {
    format!("/documenti/{}", published.copia.chiave)
}

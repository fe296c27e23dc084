//! The ways to the services: what one client or one replica does to them harms nobody else.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tonic::Code;
use varco_proto::registry::v1::{Agreement, Document, Kind, Purpose};
use varco_tests::calls::reason;
use varco_tests::comune::Comune;
use varco_tests::eco::v1::eco_service_client::EcoServiceClient;
use varco_tests::eco::v1::{EchoRequest, WaitRequest};
use varco_tests::eco::{self, Eco};
use varco_tests::fault::{Fault, Front};
use varco_tests::wire::Wire;

/// An e-service of the test, which the desk uses beside the tax office.
fn shared(eco: &Eco) -> Document {
    let mut document = eco.document("read");
    document.agreements.push(Agreement {
        consumer: "sportello".to_owned(),
        eservice: eco::NAME.to_owned(),
        ..Default::default()
    });
    let purposes = document
        .purposes
        .clone()
        .into_iter()
        .map(|purpose| Purpose {
            consumer: "sportello".to_owned(),
            clients: vec!["sportello".to_owned()],
            ..purpose
        });
    document.purposes.extend(purposes.collect::<Vec<_>>());
    document
}

async fn voucher(comune: &Comune, client: &str) -> String {
    let purpose = comune.id(Kind::Purpose, &format!("{client}/prova")).await;
    comune.voucher(client, &purpose).await
}

/// The client beside the one that misbehaves.
struct Other {
    wire: Wire,
    voucher: String,
}

impl Other {
    async fn of(comune: &Comune) -> Self {
        Self {
            wire: comune.wire("sportello").await,
            voucher: voucher(comune, "sportello").await,
        }
    }

    async fn is_served(&mut self) {
        let question = EchoRequest {
            text: "eco".to_owned(),
        };
        for _ in 0..3 {
            let echo = "eco.v1.EcoService/Echo";
            let answer = self.wire.call(echo, &self.voucher, &question).await;
            assert_eq!(answer.code(), Code::Ok, "{answer:?}");
        }
    }
}

/// A service gives a whole connection up when too many calls on it are cancelled before it has
/// taken them (hyper's default is 20), so that one client could end the calls of all.
#[tokio::test(flavor = "multi_thread")]
async fn client_that_aborts_its_calls_ends_nobody_elses() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(shared(&eco)).await;
    let bearer = format!("Bearer {}", voucher(&comune, "tributi").await);
    let mut other = Other::of(&comune).await;

    for _ in 0..40 {
        let client = EcoServiceClient::new(comune.client("tributi").bare());
        let waiting = (0..60).map(|_| {
            let mut request = tonic::Request::new(WaitRequest {});
            request
                .metadata_mut()
                .insert("authorization", bearer.parse().unwrap());
            let mut client = client.clone();
            async move { client.wait(request).await }
        });
        tokio::select! {
            answers = join_all(waiting) => assert!(answers.iter().all(Result::is_err), "{answers:?}"),
            () = eco.reached(1) => {}
        }
        other.is_served().await;
    }

    comune.stop().await;
}

/// The same by streams that break a rule with their first message, as soon as they are forwarded.
#[tokio::test(flavor = "multi_thread")]
async fn client_whose_streams_break_a_rule_ends_nobody_elses() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(shared(&eco)).await;
    let bearer = format!("Bearer {}", voucher(&comune, "tributi").await);
    let mut other = Other::of(&comune).await;
    let mut wires = Vec::new();
    for _ in 0..40 {
        wires.push(comune.wire("tributi").await);
    }

    for _ in 0..3 {
        let headers = [("authorization", bearer.as_str())];
        // Field 99 stands in no contract.
        let unknown = Bytes::from_static(&[0, 0, 0, 0, 3, 0x98, 0x06, 0x01]);
        let broken = wires
            .iter_mut()
            .map(|wire| wire.send("eco.v1.EcoService/Collect", &headers, unknown.clone()));
        for answer in join_all(broken).await {
            let told = reason(&answer.unwrap().status());
            assert!(["FIELD_NOT_IN_PURPOSE", "STREAMS_CLIENT"].contains(&told.as_str()));
        }
        other.is_served().await;
    }

    comune.stop().await;
}

/// A call is sent again only when the service has certainly seen nothing of it; what may have been
/// done is never called undone.
#[tokio::test(flavor = "multi_thread")]
async fn call_is_sent_again_only_where_the_service_has_seen_nothing_of_it() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    let cases = [
        (Fault::Refuse, Code::Ok, Code::Ok, ""),
        (Fault::GoAway, Code::Ok, Code::Ok, ""),
        (
            Fault::Reset,
            Code::Unavailable,
            Code::Unknown,
            "OUTCOME_UNKNOWN",
        ),
        (
            Fault::Cut,
            Code::Unavailable,
            Code::Unknown,
            "OUTCOME_UNKNOWN",
        ),
    ];

    for (fault, read, write, told) in cases {
        for (effect, expected) in [("read", read), ("write", write)] {
            let front = Front::before(eco.address(), fault, 2).await;
            let suffix = format!("-{fault:?}-{effect}").to_lowercase();
            let document = eco::document(front.address(), effect);
            comune.apply(eco::beside(document, &suffix)).await;
            let purpose = format!("tributi/prova{suffix}");
            let purpose = comune.id(Kind::Purpose, &purpose).await;
            let voucher = comune.voucher("tributi", &purpose).await;
            let mut tributi = comune.wire("tributi").await;
            let question = EchoRequest {
                text: "eco".to_owned(),
            };

            let answer = tributi
                .call("eco.v1.EcoService/Echo", &voucher, &question)
                .await;

            assert_eq!(answer.code(), expected, "{suffix}: {answer:?}");
            assert!(front.faults() > 0, "{suffix}");
            if effect == "write" && expected != Code::Ok {
                assert_eq!(reason(&answer), told);
            }
            // Whatever it cost the one call, the next finds a way.
            for _ in 0..3 {
                let next = tributi
                    .call("eco.v1.EcoService/Echo", &voucher, &question)
                    .await;
                if next.code() == Code::Ok {
                    break;
                }
            }
            let last = tributi
                .call("eco.v1.EcoService/Echo", &voucher, &question)
                .await;
            assert_eq!(last.code(), Code::Ok, "{suffix}: {last:?}");
        }
    }

    comune.stop().await;
}

/// Calls go to the replicas that answer; one that says it does not serve, or whose calls fail, is
/// left alone.
#[tokio::test(flavor = "multi_thread")]
async fn calls_go_to_the_replicas_that_answer() {
    let comune = Comune::start().await;
    let (one, two) = (Eco::start(), Eco::start());
    let mut document = one.document("read");
    let upstream = document.eservices[0].descriptors[0].upstream.as_mut();
    upstream.unwrap().replicas = vec![format!("http://{}", two.address())];
    comune.apply(document).await;
    let purpose = comune.id(Kind::Purpose, "tributi/prova").await;
    let voucher = comune.voucher("tributi", &purpose).await;
    let mut wires = Vec::new();
    for _ in 0..8 {
        wires.push(comune.wire("tributi").await);
    }

    // Eight calls that last: the less busy replica takes the next.
    let answers = {
        let mut waiting = FuturesUnordered::new();
        for (wire, begun) in wires.iter_mut().zip(1..) {
            let (voucher, wait) = (voucher.clone(), WaitRequest {});
            waiting.push(async move { wire.call("eco.v1.EcoService/Wait", &voucher, &wait).await });
            // One after the other, so that both replicas are connected when the last ones come.
            tokio::select! {
                answer = waiting.next() => panic!("{answer:?}"),
                () = one.reached(begun) => {}
                () = two.reached(1) => {}
            }
        }
        two.reached(1).await;
        drop(two);
        let answers = async {
            let mut answers = Vec::new();
            while answers.len() < 8 {
                one.release();
                answers.extend(waiting.next().await);
            }
            answers
        };
        let answers = tokio::time::timeout(varco_tests::PATIENCE, answers).await;
        answers.unwrap()
    };
    let lost = answers.iter().filter(|it| it.code() != Code::Ok);
    assert!(lost.clone().all(|it| it.code() == Code::Unavailable));
    assert!((1..8).contains(&lost.count()), "{answers:?}");

    // With one of two gone, no call more is lost.
    let question = EchoRequest {
        text: "eco".to_owned(),
    };
    for _ in 0..20 {
        let answer = wires[0].call("eco.v1.EcoService/Echo", &voucher, &question);
        assert_eq!(answer.await.code(), Code::Ok);
    }
    comune.stop().await;
}

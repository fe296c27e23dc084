//! What every office must do, walked over the contracts: whoever joins is covered at once.

use bytes::Bytes;
use prost_reflect::DescriptorPool;
use tonic::Code;
use varco_proto::registry::v1::Kind;
use varco_runtime::config::Config;
use varco_tests::comune::Comune;
use varco_tests::eco::Eco;
use varco_tests::wire::Wire;

/// Every method of the configured offices, as `pkg.Service/Method`.
fn methods(config: &Config) -> Vec<String> {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let of_office = |package: &str| {
        let office = package.split('.').nth(1).unwrap_or_default();
        config.services.contains_key(office)
    };
    let services = pool
        .services()
        .filter(|service| of_office(service.package_name()));
    let path = |method: prost_reflect::MethodDescriptor| {
        format!("{}/{}", method.parent_service().full_name(), method.name())
    };
    services
        .flat_map(|service| service.methods().map(path).collect::<Vec<_>>())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_of_every_office_is_closed_until_a_purpose_opens_it() {
    let comune = Comune::start().await;
    let methods = methods(comune.config());
    for office in comune.config().services.keys() {
        let prefix = format!("varco.{office}.");
        assert!(
            methods.iter().any(|method| method.starts_with(&prefix)),
            "{office}"
        );
    }
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    let foreign = comune.id(Kind::Purpose, "tributi/prova").await;
    let foreign = comune.voucher("tributi", &foreign).await;
    let purpose = comune.purpose_id("tributi", "verifica-residenza");
    let verify = comune.voucher("tributi", &purpose).await;
    let empty = Bytes::from_static(&[0, 0, 0, 0, 0]);
    let mut tributi = comune.wire("tributi").await;

    for method in &methods {
        let answer = tributi.send(method, &[], empty.clone()).await.unwrap();
        assert!(answer.body.is_empty(), "{method}");
        comune
            .assert_refused(&answer.status(), Code::Unauthenticated, "VOUCHER_MISSING")
            .await;

        let refused = tributi.call(method, &foreign, &()).await;
        comune
            .assert_refused(&refused, Code::Unauthenticated, "VOUCHER_AUDIENCE")
            .await;

        let refused = tributi.call(method, &verify, &()).await;
        match method.as_str() {
            // The one method that the purpose opens: only the request is wrong.
            "varco.anagrafe.v1.AnagrafeService/VerifyResidenza" => {
                assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
            }
            own if own.starts_with("varco.anagrafe.") => {
                let reason = "METHOD_NOT_IN_PURPOSE";
                comune
                    .assert_refused(&refused, Code::PermissionDenied, reason)
                    .await;
            }
            _ => {
                let reason = "VOUCHER_AUDIENCE";
                comune
                    .assert_refused(&refused, Code::Unauthenticated, reason)
                    .await;
            }
        }
    }

    let gateway = comune.path().join("services/gateway");
    for (office, service) in &comune.config().services {
        let mut wire = Wire::connect(service.listen, Some(&gateway), &comune.ca())
            .await
            .unwrap();
        let health = wire
            .send("grpc.health.v1.Health/Check", &[], empty.clone())
            .await
            .unwrap();
        assert_eq!(health.status().code(), Code::Ok, "{office}");
        // HealthCheckResponse.status = SERVING.
        assert_eq!(
            health.body,
            Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]),
            "{office}"
        );
    }
    comune.stop().await;
}

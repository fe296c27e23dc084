//! What a keeper makes of any state that a crash may leave, on both databases.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use varco_runtime::config::signing::SigningAlgorithm;
use varco_runtime::on;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_runtime::secret::Vault;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::audit::committer::Run;
use crate::audit::testing;
use crate::keys::lifecycle::{Algorithms, CACHE, State};
use crate::registry::Rules;

/// What the gateways of a test stand on; they come and go.
struct Ground {
    shared: Fresh,
    audit: testing::Place,
    folder: TempDir,
    clock: Clock,
}

impl Ground {
    async fn each() -> Vec<Self> {
        let mut grounds = Vec::new();
        for shared in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let mut audit = testing::each_place().await;
            grounds.push(Self {
                shared,
                audit: audit.remove(0),
                folder: TempDir::new().unwrap(),
                clock: Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap()),
            });
        }
        grounds
    }

    fn files(&self, instance: &str) -> Files {
        Files::open(Vault::default(), self.folder.path(), instance).unwrap()
    }

    fn db(&self) -> &Db {
        &self.shared.db
    }

    async fn open(&self, instance: &str) -> Result<Keeper, Error> {
        let run = Run {
            instance: instance.to_owned(),
            clock: self.clock.clone(),
            ..testing::run()
        };
        Keeper::open(Parts {
            registry: Registry::open(self.db().clone(), self.clock.clone(), Rules::default())
                .await?,
            register: self.audit.open_with(run, testing::signers(7)).await?,
            clock: self.clock.clone(),
            files: self.files(instance),
            policy: Policy {
                instance: instance.to_owned(),
                algorithms: Algorithms {
                    voucher: SigningAlgorithm::Es256,
                    grant: SigningAlgorithm::EdDsa,
                },
                rotation: 90 * 86_400_000_000,
            },
        })
        .await
    }

    fn pass(&self, microseconds: i64) {
        let now = self.clock.now();
        self.clock
            .set(now + Duration::from_micros(microseconds.unsigned_abs()));
    }

    /// Names of the files of an instance.
    fn left(&self, instance: &str) -> HashSet<PathBuf> {
        let folder = fs::read_dir(self.folder.path().join(instance)).unwrap();
        folder.map(|entry| entry.unwrap().path()).collect()
    }

    /// The files of the keys that sign for a keeper, and no more.
    fn expected(&self, keeper: &Keeper, instance: &str) -> HashSet<PathBuf> {
        let files = self.files(instance);
        let path = |role| files.path(role, &signs(keeper, role));
        Role::ALL.into_iter().map(path).collect()
    }
}

fn signs(keeper: &Keeper, role: Role) -> String {
    let key = keeper.ring().signer(role).unwrap();
    key.public().kid().to_owned()
}

fn verifies(keeper: &Keeper, kid: &str) -> bool {
    keeper.ring().verifies(Role::Voucher, kid)
}

/// A voucher key of gw1 as it would be published now.
fn published(ground: &Ground, private: &PrivateKey) -> Key {
    let now = ground.clock.now().as_microsecond();
    Key {
        kid: private.public().kid().to_owned(),
        role: Role::Voucher,
        instance: "gw1".to_owned(),
        algorithm: "ES256".to_owned(),
        jwk: private.public().jwk().clone(),
        published: now,
        active_from: now,
        longest: 300,
        retired_at: None,
        removed_at: None,
    }
}

#[tokio::test]
async fn keys_are_kept_over_restarts() {
    for ground in Ground::each().await {
        let first = ground.open("gw1").await.unwrap();
        let before = Role::ALL.map(|role| signs(&first, role));
        drop(first);

        let second = ground.open("gw1").await.unwrap();

        assert_eq!(Role::ALL.map(|role| signs(&second, role)), before);
        assert_eq!(ground.left("gw1"), ground.expected(&second, "gw1"));
    }
}

#[tokio::test]
async fn file_whose_public_half_nobody_has_seen_is_deleted_at_the_start() {
    for ground in Ground::each().await {
        let before = signs(&ground.open("gw1").await.unwrap(), Role::Voucher);
        let files = ground.files("gw1");
        files.make(Role::Voucher, SigningAlgorithm::Es256).unwrap();
        let unfinished = ground.folder.path().join("gw1/grant-kid.key.new");
        fs::write(&unfinished, "-----BEGIN").unwrap();

        let keeper = ground.open("gw1").await.unwrap();

        assert_eq!(signs(&keeper, Role::Voucher), before);
        assert_eq!(ground.left("gw1"), ground.expected(&keeper, "gw1"));
    }
}

#[tokio::test]
async fn published_half_without_a_file_never_signs() {
    for ground in Ground::each().await {
        let before = signs(&ground.open("gw1").await.unwrap(), Role::Voucher);
        ground.pass(1);
        let pem = generate_key(KeyKind::EcP256).unwrap();
        let lost = published(&ground, &PrivateKey::from_pem(&pem).unwrap());
        store_keys::publish(ground.db(), &lost).await.unwrap();

        let keeper = ground.open("gw1").await.unwrap();

        assert_eq!(signs(&keeper, Role::Voucher), before);
        let (history, now) = keeper.history().await.unwrap();
        let lost = history.iter().find(|key| key.kid == lost.kid).unwrap();
        assert_eq!(lost.state(now), State::Retired, "{}", ground.shared.name);
    }
}

#[tokio::test]
async fn gateway_that_lost_its_files_signs_with_new_keys_and_verifies_by_the_old() {
    for ground in Ground::each().await {
        let before = signs(&ground.open("gw1").await.unwrap(), Role::Voucher);
        fs::remove_dir_all(ground.folder.path().join("gw1")).unwrap();

        let keeper = ground.open("gw1").await.unwrap();

        assert_ne!(signs(&keeper, Role::Voucher), before);
        assert!(verifies(&keeper, &before), "{}", ground.shared.name);
    }
}

#[tokio::test]
async fn crash_right_after_an_emergency_leaves_it_done() {
    for ground in Ground::each().await {
        let before = signs(&ground.open("gw1").await.unwrap(), Role::Voucher);
        let files = ground.files("gw1");
        let private = files.make(Role::Voucher, SigningAlgorithm::Es256).unwrap();
        let fresh = published(&ground, &private);
        let now = fresh.published;
        store_keys::replace_all(ground.db(), fresh, now)
            .await
            .unwrap();

        let keeper = ground.open("gw1").await.unwrap();

        assert_eq!(signs(&keeper, Role::Voucher), private.public().kid());
        assert!(!verifies(&keeper, &before), "{}", ground.shared.name);
        assert_eq!(ground.left("gw1"), ground.expected(&keeper, "gw1"));
    }
}

#[tokio::test]
async fn gateways_take_each_others_keys_at_once() {
    for ground in Ground::each().await {
        let one = ground.open("gw1").await.unwrap();
        let two = ground.open("gw2").await.unwrap();
        let key = two.ring().signer(Role::Voucher).unwrap();
        let token = key.sign("at+jwt", &serde_json::json!({})).unwrap();
        let kid = key.public().kid();
        assert!(!verifies(&one, kid));
        one.memory.lock().await.looked = None;

        one.look_for(&token).await;

        assert!(verifies(&one, kid), "{}", ground.shared.name);
    }
}

#[tokio::test]
async fn made_up_name_is_looked_for_once_in_a_while() {
    for ground in Ground::each().await {
        let keeper = ground.open("gw1").await.unwrap();
        let pem = generate_key(KeyKind::EcP256).unwrap();
        let stranger = PrivateKey::from_pem(&pem).unwrap();
        let token = stranger.sign("at+jwt", &serde_json::json!({})).unwrap();
        keeper.memory.lock().await.looked = None;

        keeper.look_for(&token).await;
        keeper.memory.lock().await.looked = None;
        keeper.look_for(&token).await;

        assert!(keeper.unknown.contains_key(stranger.public().kid()));
        let looked = keeper.memory.lock().await.looked;
        assert_eq!(looked, None, "{}", ground.shared.name);
    }
}

#[tokio::test]
async fn order_is_followed_by_every_gateway() {
    for ground in Ground::each().await {
        let one = ground.open("gw1").await.unwrap();
        let two = ground.open("gw2").await.unwrap();
        let before = [&one, &two].map(|keeper| signs(keeper, Role::Voucher));
        ground.pass(1_000_000);

        one.rotate(Role::Voucher).await.unwrap();
        two.refresh().await.unwrap();
        let meanwhile = [&one, &two].map(|keeper| signs(keeper, Role::Voucher));
        // While the next keys wait, asking again asks for nothing.
        two.rotate(Role::Voucher).await.unwrap();
        ground.pass(CACHE);
        one.refresh().await.unwrap();
        two.refresh().await.unwrap();
        one.refresh().await.unwrap();

        let after = [&one, &two].map(|keeper| signs(keeper, Role::Voucher));
        assert_eq!(meanwhile, before, "{}", ground.shared.name);
        for (keeper, other) in [(&one, &two), (&two, &one)] {
            let kid = signs(other, Role::Voucher);
            assert!(!before.contains(&kid) && verifies(keeper, &kid));
            assert!(before.iter().all(|kid| verifies(keeper, kid)));
        }
        let (history, _) = one.history().await.unwrap();
        let vouchers = history.iter().filter(|key| key.role == Role::Voucher);
        assert_eq!(vouchers.count(), 4, "{after:?}");
    }
}

#[tokio::test]
async fn emergency_ends_the_keys_of_every_gateway() {
    for ground in Ground::each().await {
        let one = ground.open("gw1").await.unwrap();
        let two = ground.open("gw2").await.unwrap();
        let before = [&one, &two].map(|keeper| signs(keeper, Role::Voucher));
        let grants = [&one, &two].map(|keeper| signs(keeper, Role::Grant));

        one.rotate_in_emergency(Role::Voucher).await.unwrap();
        two.refresh().await.unwrap();
        one.refresh().await.unwrap();

        for keeper in [&one, &two] {
            assert!(before.iter().all(|kid| !verifies(keeper, kid)));
            assert!(verifies(keeper, &signs(&one, Role::Voucher)));
            assert!(verifies(keeper, &signs(&two, Role::Voucher)));
        }
        let still = [&one, &two].map(|keeper| signs(keeper, Role::Grant));
        assert_eq!(still, grants, "{}", ground.shared.name);
        assert_eq!(ground.left("gw2"), ground.expected(&two, "gw2"));
    }
}

#[tokio::test]
async fn key_is_not_made_without_its_record() {
    for ground in Ground::each().await {
        let keeper = ground.open("gw1").await.unwrap();
        let files = ground.left("gw1");
        let mut tx = ground.audit.db().begin().await.unwrap();
        let gone = on!(&mut tx, |db| sqlx::query("DROP VIEW appended")
            .execute(db)
            .await
            .map(drop));
        gone.unwrap();
        tx.commit().await.unwrap();
        ground.pass(1_000_000);

        let refused = keeper.rotate(Role::Voucher).await;

        assert!(matches!(refused, Err(Error::Record(_))), "{refused:?}");
        assert_eq!(ground.left("gw1"), files, "{}", ground.shared.name);
        let (history, _) = keeper.history().await.unwrap();
        assert_eq!(history.len(), 2);
    }
}

#[tokio::test]
async fn file_that_bears_anothers_name_is_refused() {
    for ground in Ground::each().await {
        let keeper = ground.open("gw1").await.unwrap();
        let files = ground.files("gw1");
        let voucher = files.path(Role::Voucher, &signs(&keeper, Role::Voucher));
        let grant = files.path(Role::Grant, &signs(&keeper, Role::Grant));
        drop(keeper);
        fs::copy(voucher, &grant).unwrap();

        let refused = ground.open("gw1").await.unwrap_err();

        assert!(matches!(refused, Error::KeyFile(path) if path == grant));
    }
}

#[tokio::test]
async fn marks_are_made_once() {
    for ground in Ground::each().await {
        let keeper = ground.open("gw1").await.unwrap();
        let (kid, db) = (signs(&keeper, Role::Voucher), ground.db());

        for at in [7, 8] {
            store_keys::retire(db, &kid, at).await.unwrap();
            store_keys::remove(db, &kid, at + 10).await.unwrap();
        }
        for longest in [3600, 60] {
            store_keys::lengthen(db, &kid, longest).await.unwrap();
        }

        let (history, now) = keeper.history().await.unwrap();
        let key = history.iter().find(|key| key.kid == kid).unwrap();
        assert_eq!((key.retired_at, key.removed_at), (Some(7), Some(17)));
        assert_eq!((key.longest, key.state(now)), (3600, State::Removed));
        let live = store_keys::read(db).await.unwrap();
        assert!(live.keys.iter().all(|key| key.kid != kid));
    }
}

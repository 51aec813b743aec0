//! Sandboxes: shown to nobody but themselves, and cleared by one call.

use crate::support::house::{House, NEW_YEAR, READER, answer, json, key, partner, wait_for};
use crate::support::program::{Program, configure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json as value};
use tidegate::clock::Clock;
use tidegate::config::PartnerSettings;

fn partners() -> Vec<PartnerSettings> {
    vec![partner("acme"), PartnerSettings { sandbox: true, ..partner("trial") }]
}

async fn house() -> House {
    House::start(partners(), Clock::manual(NEW_YEAR)).await
}

async fn push(house: &House, name: &str, id: &str) -> (StatusCode, Value) {
    let asset = value!({"id": id, "name": "A", "updated_at": "2025-12-01T00:00:00Z",
        "price": {"amount": "1.00", "currency": "EUR", "as_of": "2025-12-01T00:00:00Z"}});
    house.post(name, "/api/assets", &asset).await
}

/// What the reader is told at a path, as text.
async fn told(house: &House, path: &str) -> String {
    house.read(path).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_sandbox_is_shown_to_nobody_but_itself() {
    let house = house().await;
    for name in ["trial", "acme", "trial"] {
        push(&house, name, &format!("of-{name}")).await;
    }
    for path in [
        "/api/assets",
        "/api/prices",
        "/api/changes",
        "/api/export",
        "/api/export?deleted=true",
        "/api/changes?full=true",
    ] {
        let told = told(&house, path).await;
        assert!(told.contains("of-acme") && !told.contains("trial"), "{path}: {told}");
        let own = house.call("trial", Method::GET, path).send().await.unwrap().text().await.unwrap();
        assert!(own.contains("of-trial") && !own.contains("acme"), "{path}: {own}");
    }
    for path in [
        "assets",
        "prices",
        "assets/of-trial",
        "assets/of-trial/price",
        "assets/of-trial/explain",
        "changes",
        "export",
    ] {
        let hidden = answer(house.read(&format!("/api/partners/trial/{path}"))).await;
        let unknown = answer(house.read(&format!("/api/partners/nobody/{path}"))).await;
        let plain = |(status, mut said): (StatusCode, Value)| {
            said.as_object_mut().map(|said| said.remove("request_id"));
            (status, said)
        };
        assert_eq!((hidden.0, plain(hidden)), (StatusCode::NOT_FOUND, plain(unknown)), "{path}");
    }
    for path in ["assets", "prices", "changes", "export"] {
        assert_eq!(
            answer(house.read(&format!("/api/{path}?partner=trial"))).await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(house.get("trial", "/api/me").await.1["sandbox"], true);
    assert_eq!(house.get("acme", "/api/me").await.1["sandbox"], false);
    house.stop().await;
}

#[tokio::test]
async fn a_stream_of_a_reader_passes_a_sandbox_over_and_its_own_does_not() {
    let house = house().await;
    let stream = |token: String| {
        let url = format!("http://{}/api/changes", house.daemon().address());
        house.client.get(url).bearer_auth(token).header("accept", "text/event-stream").send()
    };
    let mut of_reader = stream(READER.to_owned()).await.unwrap();
    let mut own = stream(key("trial")).await.unwrap();
    push(&house, "trial", "of-trial").await;
    house.call("trial", Method::DELETE, "/api/sandbox").send().await.unwrap();
    push(&house, "acme", "of-acme").await;
    let until = async |stream: &mut reqwest::Response, wanted: &str| {
        let mut text = String::new();
        while !text.contains(wanted) {
            text += std::str::from_utf8(&stream.chunk().await.unwrap().expect("it goes on")).unwrap();
        }
        text
    };
    let text = until(&mut of_reader, "of-acme").await;
    assert!(!text.contains("trial"), "{text}");
    let text = until(&mut own, "asset.deleted").await;
    assert!(text.contains("asset.created") && !text.contains("acme"), "{text}");
    drop((of_reader, own));
    house.stop().await;
}

#[tokio::test]
async fn the_same_test_runs_again_from_zero_after_one_call() {
    let mut house = house().await;
    push(&house, "acme", "real").await;
    let mut first = Vec::new();
    for round in 0..3 {
        let mut said = Vec::new();
        said.push(push(&house, "trial", "a").await);
        let keyed = house.call("trial", Method::POST, "/api/assets").header("idempotency-key", "once");
        said.push(
            answer(json(keyed, &value!({"id": "b", "name": "B", "updated_at": "2025-12-01T00:00:00Z"})))
                .await,
        );
        said.push(house.post("trial", "/api/prices", &value!({"id": "parked", "amount": "1", "currency": "EUR", "as_of": "2025-12-01T00:00:00Z"})).await);
        said.push(
            house.post("trial", "/api/prices", &value!({"id": "a", "amount": "-1", "currency": "EUR"})).await,
        );
        said.push(house.delete("trial", "/api/assets/b?at=2025-12-02T00:00:00Z").await);
        said.push(
            house
                .post(
                    "trial",
                    "/api/assets",
                    &value!({"id": "b", "name": "C", "updated_at": "2025-12-01T12:00:00Z"}),
                )
                .await,
        );
        let said: Vec<_> = said.into_iter().map(|(status, said)| (status, said["outcome"].clone())).collect();
        if round == 0 {
            first = said;
        } else {
            assert_eq!(said, first, "round {round}");
        }
        assert_eq!(house.get("trial", "/api/quarantine").await.1["items"].as_array().map(Vec::len), Some(1));
        let (status, cleared) = house.delete("trial", "/api/sandbox").await;
        assert_eq!((status, &cleared["cleared"]), (StatusCode::OK, &value!(true)), "{cleared}");
        for path in ["/api/assets?status=any", "/api/prices?status=any", "/api/quarantine", "/api/feed/plans"]
        {
            let (status, page) = house.get("trial", path).await;
            assert_eq!(
                (status, page["items"].as_array().map(Vec::len)),
                (StatusCode::OK, Some(0)),
                "{path}: {page}"
            );
        }
        assert_eq!(
            house.get("trial", "/api/assets/b").await.0,
            StatusCode::NOT_FOUND,
            "no tombstone is left"
        );
        assert_eq!(house.get("trial", "/api/receipts/once").await.0, StatusCode::NOT_FOUND);
        if round == 1 {
            house.restart().await;
        }
    }
    assert_eq!(house.delete("trial", "/api/sandbox").await.0, StatusCode::OK, "an empty one too");
    let (status, said) = house.delete("acme", "/api/sandbox").await;
    assert_eq!((status, &said["code"]), (StatusCode::FORBIDDEN, &value!("not_a_sandbox")));
    assert_eq!(house.get("acme", "/api/assets/real").await.0, StatusCode::OK);
    let of_reader =
        house.client.delete(format!("http://{}/api/sandbox", house.daemon().address())).bearer_auth(READER);
    assert_eq!(answer(of_reader).await.1["code"], "read_only");
    house.stop().await;
}

#[tokio::test]
async fn pushes_beside_a_clearing_are_decided_or_told_to_come_again() {
    let house = house().await;
    let pushing = async {
        for number in 0..200 {
            let (status, said) = push(&house, "trial", &format!("a{number}")).await;
            assert!(status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE, "{status} {said}");
        }
    };
    let clearing = async {
        for _ in 0..5 {
            let (status, said) = house.delete("trial", "/api/sandbox").await;
            assert!(matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE), "{status} {said}");
        }
    };
    tokio::join!(pushing, clearing);
    wait_for("a clearing", async || {
        (house.delete("trial", "/api/sandbox").await.0 == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(house.get("trial", "/api/assets").await.1["items"], value!([]));
    assert_eq!(push(&house, "trial", "a0").await.0, StatusCode::CREATED);
    house.stop().await;
}

#[tokio::test]
async fn a_partner_stays_what_it_was_first_and_hidden_when_it_is_removed() {
    let house = house().await;
    push(&house, "trial", "of-trial").await;
    push(&house, "acme", "of-acme").await;
    for place in 0..2 {
        let mut settings = house.settings.clone();
        settings.partners[place].sandbox ^= true;
        settings.partners[1].keys.clear();
        let refused = house.daemon().reconfigure(settings).await.unwrap_err().to_string();
        assert!(refused.contains("stays so"), "{refused}");
        assert_eq!(
            house.get("trial", "/api/assets/of-trial").await.0,
            StatusCode::OK,
            "nothing was taken over"
        );
    }
    let mut without = house.settings.clone();
    without.partners.pop();
    house.daemon().reconfigure(without).await.unwrap();
    for path in ["/api/assets", "/api/changes", "/api/export"] {
        let told = told(&house, path).await;
        assert!(told.contains("of-acme") && !told.contains("trial"), "{path}: {told}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_daemon_of_sandboxes_alone_is_not_started_on_a_store_of_real_partners() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "acme");
    let client = Client::builder().no_proxy().build().unwrap();
    let program = Program::start_with(directory.path(), &["--sandbox"]).await;
    assert_eq!(program.read(&client, "acme", "/api/me").await["sandbox"], true);
    program.terminate().await;
    let (status, log) = Program::run_to_its_end(directory.path());
    assert!(!status.success() && log.contains("was a sandbox when it first started"), "{status} {log}");
    configure(directory.path(), "real");
    std::fs::remove_file(directory.path().join("partners/acme.toml")).unwrap();
    Program::start(directory.path()).await.terminate().await;
}

#[tokio::test]
async fn a_clearing_that_is_killed_half_way_is_gone_through_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "trial");
    let file = directory.path().join("partners/trial.toml");
    let text = "sandbox = true\n".to_owned() + &std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text).unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let mut program = Program::start(directory.path()).await;
    for round in 0..3 {
        let fill = |from: usize| {
            let assets = (from..from + 1_000).map(|id| value!({"id": id.to_string(), "name": "A"}));
            let body = Value::from_iter(assets);
            json(client.post(program.url("/api/assets")).bearer_auth(key("trial")), &body)
        };
        for from in (0..20_000).step_by(1_000) {
            // the overlay is as small as it can be
            wait_for("room for assets", async || {
                (answer(fill(from)).await.0 == StatusCode::OK).then_some(())
            })
            .await;
        }
        let cursor = async || program.read(&client, "trial", "/api/me").await["cursor"].clone();
        let before = cursor().await;
        let clearing = client.delete(program.url("/api/sandbox")).bearer_auth(key("trial"));
        let clearing = tokio::spawn(async move {
            // the overlay may be full still; a daemon that is killed gives no answer
            while let Ok(answer) = clearing.try_clone().expect("it has no body").send().await {
                if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                    return;
                }
            }
        });
        wait_for("the clearing to begin", async || (cursor().await != before).then_some(())).await;
        program.kill();
        // it has been answered, or cut off
        let _ = clearing.await;
        program = Program::start(directory.path()).await;
        let page = program.read(&client, "trial", "/api/assets?status=any").await;
        assert_eq!(page["items"], value!([]), "round {round}");
    }
    program.kill();
}

//! The export over real HTTP: everything is in it once, it can be cut and gone on with, and with the
//! changes after its cursor it comes to the catalogue as it is.

use crate::support::house::{House, PATIENCE, answer, json};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use tidegate::clock::Clock;

async fn lines(house: &House, path: &str) -> Vec<Value> {
    let response = house.read(path).timeout(PATIENCE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson; charset=utf-8");
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_type<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

/// What a follower holds: whole assets, and up to where each of them is so.
#[derive(Default)]
pub struct Copy(BTreeMap<(String, String), (u64, Value)>);

fn seq(cursor: &Value) -> u64 {
    cursor.as_str().unwrap().split_once('-').unwrap().1.parse().unwrap()
}

impl Copy {
    pub fn take(&mut self, line: &Value) {
        match line["type"].as_str().unwrap() {
            "asset" => {
                let asset = &line["asset"];
                let key = (asset["partner"].as_str().unwrap().into(), asset["id"].as_str().unwrap().into());
                self.0.insert(key, (seq(&asset["cursor"]), asset.clone()));
            }
            "export" | "progress" | "end" | "deleted" => {}
            _ => {
                let key = (line["partner"].as_str().unwrap().into(), line["id"].as_str().unwrap().into());
                let held = self.0.get(&key).map_or(0, |(seq, _)| *seq);
                if seq(&line["cursor"]) <= held {
                    return;
                }
                match &line["asset"] {
                    Value::Null => drop(self.0.remove(&key)),
                    asset => drop(self.0.insert(key, (seq(&asset["cursor"]), asset.clone()))),
                }
            }
        }
    }

    /// Without what waiting alone changes.
    pub fn settled(&self) -> BTreeMap<(String, String), Value> {
        let settled = |(key, (_, asset)): (&(String, String), &(u64, Value))| {
            let mut asset = asset.clone();
            for price in ["/price", "/quotes/nav"] {
                if let Some(Value::Object(price)) = asset.pointer_mut(price) {
                    price.remove("age_seconds");
                    price.remove("state");
                }
            }
            (key.clone(), asset)
        };
        self.0.iter().map(settled).collect()
    }
}

#[tokio::test]
async fn u05_an_export_holds_every_asset_in_every_state_with_all_its_quotes() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    let prices =
        value!([{"amount": "5", "currency": "EUR"}, {"quote": "nav", "amount": "6", "currency": "EUR"}]);
    house.put("acme", "/api/assets/a", &value!({"name": "A", "price": prices})).await;
    house.put("acme", "/api/assets/off", &value!({"status": "inactive"})).await;
    house.put("zeta", "/api/assets/z", &value!({"name": "Z"})).await;
    house.put("acme", "/api/assets/gone", &value!({"name": "G"})).await;
    assert!(house.delete("acme", "/api/assets/gone").await.0.is_success());
    let all = lines(&house, "/api/export").await;
    let ids: Vec<_> = of_type(&all, "asset").iter().map(|line| line["asset"]["id"].clone()).collect();
    assert_eq!(ids, [value!("a"), value!("off"), value!("z")], "{all:?}");
    assert_eq!(all[1]["asset"]["quotes"]["nav"]["amount"], value!("6"));
    assert_eq!((&all[0]["type"], all[0]["cursor"].is_string()), (&value!("export"), true));
    let end = all.last().unwrap();
    assert_eq!(end, &value!({"type": "end", "assets": 3, "deleted": 0, "damaged": 0}));
    let with = lines(&house, "/api/export?deleted=true&partner=acme").await;
    let deleted = of_type(&with, "deleted");
    assert_eq!((deleted.len(), &deleted[0]["id"]), (1, &value!("gone")), "{with:?}");
    assert!(deleted[0]["deleted_at"].is_string() && deleted[0]["cursor"].is_string(), "{with:?}");
    // a partner sees its own
    let (status, _) = answer(house.call("acme", Method::GET, "/api/export?partner=zeta")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, refused) = answer(house.read("/api/export?deleted=yes")).await;
    assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &value!("bad_query")));
    house.stop().await;
}

#[tokio::test]
async fn u05_an_export_and_the_changes_after_its_cursor_come_to_the_catalogue() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    let name = "n".repeat(2_000);
    let batch = |from: u32| -> Value {
        (from..from + 200).map(|n| value!({"id": format!("{n:05}"), "name": name, "n": n})).collect()
    };
    for from in (0..2_000).step_by(200) {
        assert!(house.post("acme", "/api/assets", &batch(from)).await.0.is_success());
    }
    let exporting = lines(&house, "/api/export");
    let meanwhile = async {
        for n in 0..60_u32 {
            let id = format!("{:05}", (n * 331) % 2_000);
            match n % 4 {
                0 => drop(house.delete("acme", &format!("/api/assets/{id}")).await),
                1 => drop(house.put("acme", &format!("/api/assets/{id}x"), &value!({"n": n})).await),
                2 => {
                    let price = value!({"amount": n.to_string(), "currency": "EUR"});
                    house.put("acme", &format!("/api/assets/{id}/price"), &price).await;
                }
                _ => {
                    let request = house.call("acme", Method::PATCH, &format!("/api/assets/{id}"));
                    answer(json(request, &value!({"n": n * 10}))).await;
                }
            }
        }
    };
    let (exported, ()) = tokio::join!(exporting, meanwhile);
    assert!(of_type(&exported, "progress").len() > 3, "it comes in pieces");
    let mut copy = Copy::default();
    exported.iter().for_each(|line| copy.take(line));
    let mut cursor = exported[0]["cursor"].as_str().unwrap().to_owned();
    loop {
        let (_, page) =
            answer(house.read(&format!("/api/changes?full=true&limit=1000&since={cursor}"))).await;
        page["items"].as_array().unwrap().iter().for_each(|change| copy.take(change));
        cursor = page["next_cursor"].as_str().unwrap().to_owned();
        if page["more"] == value!(false) {
            break;
        }
    }
    let mut now = Copy::default();
    lines(&house, "/api/export").await.iter().for_each(|line| now.take(line));
    assert_eq!(copy.settled(), now.settled());
    assert_eq!(now.0.len(), 2_000 - 15 + 15);
    house.stop().await;
}

#[tokio::test]
async fn an_export_that_was_cut_off_goes_on_from_its_last_progress() {
    let house = House::with(&["acme", "zeta"], Clock::system()).await;
    let name = "n".repeat(2_000);
    for partner in ["acme", "zeta"] {
        let batch: Value = (0..400).map(|n| value!({"id": format!("{n:05}"), "name": name})).collect();
        assert!(house.post(partner, "/api/assets", &batch).await.0.is_success());
    }
    let whole = lines(&house, "/api/export").await;
    let cut = whole.iter().rposition(|line| line["type"] == "progress").unwrap();
    let resume = whole[cut]["resume"].as_str().unwrap();
    let rest = lines(&house, &format!("/api/export?resume={resume}")).await;
    assert_eq!(rest[0]["cursor"], whole[0]["cursor"], "the cursor to follow from is the first one's");
    let keys = |lines: &[Value]| -> Vec<(Value, Value)> {
        let assets = of_type(lines, "asset");
        assets.iter().map(|line| (line["asset"]["partner"].clone(), line["asset"]["id"].clone())).collect()
    };
    let joined = [keys(&whole[..cut]), keys(&rest)].concat();
    assert_eq!(joined, keys(&whole), "none twice, none missing");
    let foreign = format!("00000000-1{}", &resume[resume.find('.').unwrap()..]);
    let (status, gone) = answer(house.read(&format!("/api/export?resume={foreign}"))).await;
    assert_eq!((status, &gone["code"]), (StatusCode::GONE, &value!("cursor_gone")), "{gone}");
    let (status, bad) = answer(house.read("/api/export?resume=x")).await;
    assert_eq!((status, &bad["code"]), (StatusCode::BAD_REQUEST, &value!("bad_cursor")), "{bad}");
    house.stop().await;
}

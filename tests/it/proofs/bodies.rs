//! Bodies of pushes that are no JSON, or JSON beyond all measure, against the program: each is refused with its code
//! and its place, no actor starts again, and memory stays as it was.

use crate::support::house::{PATIENCE, key};
use crate::support::program::{Program, configure};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;

const PARTNER: &str = "acme";
/// A body of the largest size is held once, and read once more.
const ABOVE_REST_MAX: u64 = 128 << 20;

/// A body, and what it is answered with: status, code, and whether the place is told.
struct Case {
    what: &'static str,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
}

fn case(what: &'static str, body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Case {
    Case { what, body: body.into(), status, code }
}

/// Sends all to a program that takes bodies of 32 MiB.
async fn all_are_refused(path: &str, cases: Vec<Case>) {
    let directory = TempDir::new().unwrap();
    configure(directory.path(), PARTNER);
    let main = directory.path().join("tidegate.toml");
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(main, text.replacen("[server]\n", "[server]\nbody_bytes_max = '32MiB'\n", 1)).unwrap();
    let program = Program::start(directory.path()).await;
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let rest = program.memory().now;
    program.forget_peak();
    for Case { what, body, status, code } in cases {
        let request = client.post(program.url(path)).bearer_auth(key(PARTNER));
        let request = request.header("content-type", "application/json").body(body.clone());
        let response = request.send().await.expect("an answer");
        let found = response.status().as_u16();
        let text = response.text().await.unwrap();
        let reply: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((found, &reply["code"]), (status, &Value::from(code)), "{what}: {text:.500}");
        let tells_place = reply["offset"].is_u64() || reply["pointer"].is_string();
        let is_whole = matches!(code, "json_too_long" | "empty_body" | "byte_order_mark");
        assert!(tells_place || is_whole, "{what}: {text:.500}");
        assert!(text.len() < 1_000, "{what}: what was sent comes back: {text:.500}");
    }
    let page = program.read(&client, PARTNER, "/api/assets?status=any").await;
    assert_eq!(page["items"], Value::Array(Vec::new()), "nothing was taken");
    let metrics = client.get(program.admin_url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tidegate_actor_restarts_total{actor=\"partner\"} 0\n"), "an actor has died");
    let memory = program.memory();
    assert!(memory.peak <= rest + ABOVE_REST_MAX, "{memory:?}, {rest} at rest");
}

fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a25_a_body_in_another_encoding_than_utf_8_is_refused() {
    let sound = r#"{"id":"a","name":"é"}"#;
    let latin_1: Vec<u8> = sound.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let marked = format!("\u{feff}{sound}");
    all_are_refused(
        "/api/assets",
        vec![
            case("a byte order mark", marked.clone(), 400, "byte_order_mark"),
            case("UTF-16, little end first", utf_16(sound, u16::to_le_bytes), 400, "json_utf8"),
            case("UTF-16, big end first", utf_16(sound, u16::to_be_bytes), 400, "json_utf8"),
            case("UTF-16 with its mark", utf_16(&marked, u16::to_le_bytes), 400, "json_utf8"),
            case("Latin-1", latin_1, 400, "json_utf8"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a26_bytes_that_are_no_text_are_refused_with_their_place() {
    let within = |bytes: &[u8]| [b"{\"id\":\"a\",\"name\":\"x", bytes, b"y\"}"].concat();
    all_are_refused(
        "/api/assets",
        vec![
            case("a byte that begins nothing", within(b"\xff"), 400, "json_utf8"),
            case("a byte that goes on nothing", within(b"\x80"), 400, "json_utf8"),
            case("a character that is cut off", within(b"\xe2\x82"), 400, "json_utf8"),
            case("a character written too long", within(b"\xc0\xaf"), 400, "json_utf8"),
            case("half a pair as bytes", within(b"\xed\xa0\x80"), 400, "json_utf8"),
            case("beyond Unicode", within(b"\xf4\x90\x80\x80"), 400, "json_utf8"),
            case("a first half alone", within(b"\\ud83d"), 400, "json_surrogate"),
            case("a second half alone", within(b"\\ude00"), 400, "json_surrogate"),
            case("halves in the wrong order", within(b"\\ude00\\ud83d"), 400, "json_surrogate"),
            case("NUL as it is", within(b"\0"), 400, "json_syntax"),
            case("NUL after the end", b"{\"id\":\"a\"}\0".to_vec(), 400, "json_trailing"),
            case("NUL in an id", r#"{"id":"a\u0000b"}"#, 422, "id_control"),
            case("a line feed in a text", within(b"\n"), 400, "json_syntax"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a27_bodies_beyond_all_measure_are_refused_within_bounds() {
    let million = 1_000_000;
    let keys = |n: usize| (0..n).map(|key| format!("\"k{key}\":1,")).collect::<String>();
    all_are_refused(
        "/api/assets",
        vec![
            case("10^6 lists", format!("{{\"id\":\"a\",\"x\":{}", "[".repeat(million)), 400, "json_depth"),
            case(
                "10^6 objects",
                format!("{{\"id\":\"a\",\"x\":{}", "{\"x\":".repeat(million)),
                400,
                "json_depth",
            ),
            case("10^6 lists from the first byte", "[".repeat(million), 400, "json_depth"),
            case(
                "a name of 1 MB",
                format!("{{\"id\":\"a\",\"{}\":1}}", "k".repeat(million)),
                400,
                "json_too_long",
            ),
            case(
                "a text of 20 MB",
                format!("{{\"id\":\"a\",\"x\":\"{}\"}}", "v".repeat(20 * million)),
                400,
                "json_too_long",
            ),
            case("10^6 names", format!("{{{}\"id\":\"a\"}}", keys(million)), 400, "json_too_long"),
            case("white space only", " ".repeat(million), 400, "empty_body"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a28_numbers_that_no_decimal_holds_are_no_amounts() {
    let amount = |number: &str| format!("{{\"id\":\"a\",\"amount\":{number},\"currency\":\"EUR\"}}");
    let forty = "9".repeat(40);
    let nines = "9".repeat(100_000);
    all_are_refused(
        "/api/prices",
        vec![
            case("1e400", amount("1e400"), 422, "invalid_number"),
            case("1e-400", amount("1e-400"), 422, "invalid_number"),
            case("40 digits", amount(&forty), 422, "invalid_number"),
            case("40 digits in a text", amount(&format!("\"{forty}\"")), 422, "invalid_number"),
            case("100,000 digits", amount(&nines), 422, "invalid_number"),
            case("an exponent without end", amount(&format!("1e{nines}")), 422, "invalid_number"),
            case("-0", amount("-0"), 422, "amount_zero"),
            case("-0.00 in a text", amount("\"-0.00\""), 422, "amount_zero"),
            case("NaN", amount("NaN"), 400, "json_syntax"),
            case("NaN in a text", amount("\"NaN\""), 422, "invalid_number"),
            case("Infinity", amount("-Infinity"), 400, "json_syntax"),
            case("hexadecimal", amount("0x10"), 400, "json_syntax"),
            case("a leading zero", amount("01"), 400, "json_syntax"),
            case("a leading plus", amount("+1"), 400, "json_syntax"),
            case("no digit after the point", amount("1."), 400, "json_syntax"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b19_json_that_is_not_whole_or_not_alone_is_refused_with_its_place() {
    all_are_refused(
        "/api/assets",
        vec![
            case("a name twice", r#"{"id":"a","id":"b"}"#, 400, "json_duplicate_name"),
            case("a name twice, once escaped", r#"{"id":"a","\u0069d":"b"}"#, 400, "json_duplicate_name"),
            case("a name twice, deeper", r#"{"id":"a","x":[{"y":1,"y":2}]}"#, 400, "json_duplicate_name"),
            case("a second value", r#"{"id":"a"}{"id":"b"}"#, 400, "json_trailing"),
            case("a closing bracket", r#"{"id":"a"}]"#, 400, "json_trailing"),
            case("a trailing comma", r#"{"id":"a",}"#, 400, "json_syntax"),
            case("single quotes", "{'id':'a'}", 400, "json_syntax"),
            case("a comment", r#"{"id":"a"/**/}"#, 400, "json_syntax"),
            case("no value", r#"{"id":}"#, 400, "json_syntax"),
            case("cut off in a text", r#"{"id":"a"#, 400, "json_syntax"),
            case("cut off in an escape", r#"{"id":"a\u00"#, 400, "json_syntax"),
            case("an unknown escape", r#"{"id":"\x61"}"#, 400, "json_syntax"),
            case("a word", "nul", 400, "json_syntax"),
        ],
    )
    .await;
}

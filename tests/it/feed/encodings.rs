//! Bodies as servers compress them, and as they should not.

use crate::support::bench::{BODY, Bench, body_of, code_of_answer};
use crate::support::fault_server::{FaultServer, answer, send};
use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use async_compression::zstd::CParameter;
use tokio::io::{AsyncWrite, AsyncWriteExt};

const KINDS: [&str; 3] = ["gzip", "br", "zstd"];

async fn packed(kind: &str, bytes: &[u8]) -> Vec<u8> {
    match kind {
        "gzip" => written(GzipEncoder::new(Vec::new()), bytes, GzipEncoder::into_inner).await,
        "br" => written(BrotliEncoder::new(Vec::new()), bytes, BrotliEncoder::into_inner).await,
        _ => written(ZstdEncoder::new(Vec::new()), bytes, ZstdEncoder::into_inner).await,
    }
}

async fn written<E: AsyncWrite + Unpin>(mut encoder: E, bytes: &[u8], inner: fn(E) -> Vec<u8>) -> Vec<u8> {
    encoder.write_all(bytes).await.unwrap();
    encoder.shutdown().await.unwrap();
    inner(encoder)
}

async fn code(kind: &str, body: &[u8]) -> &'static str {
    code_of_answer("200 OK", &[&format!("Content-Encoding: {kind}")], body).await
}

#[tokio::test]
async fn a23_each_way_to_compress_is_asked_for_and_opened_alone_and_over_another() {
    for outer in KINDS {
        let header = format!("Content-Encoding: {outer}");
        let server =
            FaultServer::start(vec![send(answer("200 OK", &[&header], &packed(outer, BODY).await))]).await;
        let (spooled, bytes) = Bench::new(&server.url("/feed.json")).body().await;
        assert_eq!((bytes.as_slice(), spooled.body_bytes), (BODY, BODY.len() as u64), "{outer}");
        assert_eq!(server.asked()[0].header("accept-encoding"), Some("gzip, zstd, br"));
        // the file's own layer is known by its first bytes; brotli has no mark
        for inner in ["gzip", "zstd"] {
            let twice = packed(outer, &packed(inner, BODY).await).await;
            assert_eq!(
                body_of(vec![send(answer("200 OK", &[&header], &twice))]).await.1,
                BODY,
                "{outer} {inner}"
            );
            let file = packed(inner, BODY).await;
            assert_eq!(body_of(vec![send(answer("200 OK", &[], &file))]).await.1, BODY, "{inner}");
        }
    }
}

#[tokio::test]
async fn a23_a_file_that_is_compressed_itself_is_asked_for_as_it_is() {
    let script = || vec![send(answer("200 OK", &[], BODY))];
    for (path, asked) in [
        ("/feed.json.gz", "identity"),
        ("/feed.JSON.GZ?sig=a", "identity"),
        ("/feed.ndjson.zst", "identity"),
        ("/feed.json?of=x.gz", "gzip, zstd, br"),
        ("/gz", "gzip, zstd, br"),
    ] {
        let server = FaultServer::start(script()).await;
        Bench::new(&server.url(path)).body().await;
        assert_eq!(server.asked()[0].header("accept-encoding"), Some(asked), "{path}");
    }
}

#[tokio::test]
async fn a23_bombs_of_each_kind_end_at_the_ratio_and_at_the_size_and_none_hides_in_a_layer() {
    let blanks = vec![b' '; 8 << 20];
    for kind in KINDS {
        let bomb = packed(kind, &blanks).await;
        assert!(bomb.len() * 300 < blanks.len(), "{kind}");
        assert_eq!(code(kind, &bomb).await, "decompress_limit", "{kind}");
        // a layer of brotli within another is no layer, but bytes that are no JSON
        for outer in KINDS.into_iter().filter(|_| kind != "br") {
            assert_eq!(code(outer, &packed(outer, &bomb).await).await, "decompress_limit", "{outer} {kind}");
        }
        let header = format!("Content-Encoding: {kind}");
        let server =
            FaultServer::start(vec![send(answer("200 OK", &[&header], &packed(kind, BODY).await))]).await;
        let mut bench = Bench::new(&server.url("/"));
        bench.feed.body_bytes_max = BODY.len() as u64;
        bench.body().await;
        bench.feed.body_bytes_max -= 1;
        assert_eq!(bench.refused().await.code, "decompress_limit", "{kind}");
    }
    // members that hold nothing: what is written never grows, what one layer gives to the next does
    let empty = packed("gzip", b"").await;
    let nothing = [packed("gzip", BODY).await, empty.repeat((24 << 20) / empty.len())].concat();
    assert_eq!(code("zstd", &packed("zstd", &nothing).await).await, "decompress_limit");
}

#[tokio::test]
async fn a23_a_window_of_more_than_eight_mebibytes_is_refused() {
    let noise: Vec<u8> = (0u32..3 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let body = [&b"["[..], hex::encode(&noise).as_bytes(), b"]"].concat();
    for (window, expected) in [(23, None), (27, Some("decompress_limit"))] {
        let parameters = [CParameter::window_log(window)];
        let encoder =
            ZstdEncoder::with_quality_and_params(Vec::new(), async_compression::Level::Fastest, &parameters);
        let large = written(encoder, &body.repeat(3), ZstdEncoder::into_inner).await;
        let header = ["Content-Encoding: zstd"];
        let server = FaultServer::start(vec![send(answer("200 OK", &header, &large))]).await;
        let mut bench = Bench::new(&server.url("/"));
        (bench.feed.wire_bytes_max, bench.feed.body_bytes_max) = (64 << 20, 64 << 20);
        assert_eq!(bench.fetch().await.err().map(|error| error.code), expected, "window {window}");
    }
}

#[tokio::test]
async fn a24_a_compressed_body_that_is_cut_at_any_byte_or_goes_on_behind_its_end_is_fatal() {
    for kind in KINDS {
        let whole = packed(kind, BODY).await;
        for cut in 1..whole.len() {
            assert_eq!(code(kind, &whole[..cut]).await, "bad_encoding", "{kind} cut at byte {cut}");
        }
        let with_rest = [whole.as_slice(), b"rest"].concat();
        assert_eq!(code(kind, &with_rest).await, "bad_encoding", "{kind} with a rest");
        assert_eq!(code(kind, BODY).await, "bad_encoding", "{kind} that is none");
        assert_eq!(code(kind, &packed(kind, b"").await).await, "empty_body", "{kind} of nothing");
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            assert_eq!(code(other, &whole).await, "bad_encoding", "{kind} called {other}");
        }
    }
    for list in ["gzip, br", "br, gzip", "gzip,zstd", "identity, gzip", "compress", "*", "gzip;q=1"] {
        assert_eq!(code(list, &packed("gzip", BODY).await).await, "bad_encoding", "{list}");
    }
}

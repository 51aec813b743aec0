//! A whole body, compressed for the time that it takes: it is made anew for each answer.

use super::coding::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;

/// Of 10: three times as fast as the usual 6, and a tenth larger.
const GZIP_LEVEL: u32 = 3;
/// Of 22: its usual one.
const ZSTD_LEVEL: i32 = 3;
/// Of 11: from 5 on it takes several times as long.
const BROTLI_LEVEL: i32 = 4;
/// A window of 1 MiB, which is what a page has at most.
const BROTLI_WINDOW_LOG: i32 = 20;

/// The body in this coding.
pub fn encode(coding: Coding, body: &[u8]) -> Vec<u8> {
    let encoded = match coding {
        Coding::Gzip => {
            let mut encoder =
                GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(GZIP_LEVEL));
            encoder.write_all(body).and_then(|()| encoder.finish())
        }
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL),
        Coding::Brotli => {
            let parameters = brotli::enc::BrotliEncoderParams {
                quality: BROTLI_LEVEL,
                lgwin: BROTLI_WINDOW_LOG,
                size_hint: body.len(),
                ..Default::default()
            };
            let mut out = Vec::with_capacity(body.len() / 4);
            brotli::BrotliCompress(&mut &body[..], &mut out, &parameters).map(|_| out)
        }
    };
    encoded.expect("memory takes all that is written, and the levels are such as there are")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_becomes_a_fraction_of_itself() {
        let item = |n| {
            format!(
                r#"{{"id":"a{n}","amount":"{}.25","currency":"EUR","as_of":"2026-01-01T00:00:00Z"}},"#,
                n * 7
            )
        };
        let page: String = (0..2_000).map(item).collect();
        for coding in Coding::ALL {
            let packed = encode(coding, page.as_bytes());
            assert!(packed.len() * 5 < page.len(), "{coding:?}: {} of {}", packed.len(), page.len());
            let mut read = Vec::new();
            if coding == Coding::Brotli {
                brotli::BrotliDecompress(&mut &packed[..], &mut read).unwrap();
                assert_eq!(read, page.as_bytes());
            }
        }
    }
}

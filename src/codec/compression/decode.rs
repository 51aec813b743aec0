//! A body that came compressed, within bounds that are counted while it is decoded: what its header
//! says of its size is not believed.

use super::coding::Coding;
use flate2::bufread::MultiGzDecoder;
use std::io::{self, Read};
use zstd::stream::read::Decoder as ZstdDecoder;

/// Honest JSON stays below 1:50; what is beyond is made to hurt.
const RATIO_MAX: usize = 200;
/// Below this much output any ratio is harmless: a batch of one item a thousand times is no bomb.
const RATIO_FREE_BYTES: usize = 1 << 20;
/// RFC 9659: a decoder needs to hold no more than 8 MiB of what it has decoded.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Room is asked for in steps of this many bytes.
const STEP_BYTES: usize = 64 << 10;

/// Why a body is not decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// It is not what it is said to be: another coding, cut off, or its checksum is wrong.
    Broken,
    /// It becomes more than 200 times its size.
    Ratio,
    /// It becomes more bytes than a body may have.
    TooLarge,
    /// There is no room for more of it.
    NoRoom(E),
}

/// Decodes a whole body of one coding; gzip's members and zstd's frames may follow one another, and are
/// counted together. `room` is asked before each further step of so many bytes.
pub fn decode<E>(
    coding: Coding,
    body: &[u8],
    bytes_max: usize,
    room: impl FnMut(usize) -> Result<(), E>,
) -> Result<Vec<u8>, DecodeError<E>> {
    match coding {
        Coding::Gzip => read(MultiGzDecoder::new(body), body.len(), bytes_max, room),
        Coding::Zstd => {
            let decoder = ZstdDecoder::with_buffer(body).and_then(|mut decoder| {
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Ok(decoder)
            });
            read(decoder.map_err(|_| DecodeError::Broken)?, body.len(), bytes_max, room)
        }
        // nobody sends it: brotli's encoders are for what is read often
        Coding::Brotli => Err(DecodeError::Broken),
    }
}

fn read<E>(
    mut decoder: impl Read,
    encoded: usize,
    bytes_max: usize,
    mut room: impl FnMut(usize) -> Result<(), E>,
) -> Result<Vec<u8>, DecodeError<E>> {
    let mut decoded = Vec::new();
    if encoded == 0 {
        return Err(DecodeError::Broken);
    }
    loop {
        room(STEP_BYTES).map_err(DecodeError::NoRoom)?;
        let filled = decoded.len();
        decoded.resize(filled + STEP_BYTES, 0);
        let read = read_full(&mut decoder, &mut decoded[filled..]).map_err(|_| DecodeError::Broken)?;
        decoded.truncate(filled + read);
        if decoded.len() > bytes_max {
            return Err(DecodeError::TooLarge);
        }
        if decoded.len() > RATIO_FREE_BYTES && decoded.len() / RATIO_MAX > encoded {
            return Err(DecodeError::Ratio);
        }
        if read < STEP_BYTES {
            return Ok(decoded);
        }
    }
}

/// Reads until the buffer is full, or nothing comes.
fn read_full(decoder: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match decoder.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::super::encode::encode;
    use super::*;

    const MANY: usize = 4 << 20;

    fn plain(coding: Coding, body: &[u8]) -> Result<Vec<u8>, DecodeError<()>> {
        decode(coding, body, MANY, |_| Ok(()))
    }

    #[test]
    fn a23_what_becomes_too_much_is_refused_while_it_is_decoded() {
        let bomb = vec![b' '; 100 << 20];
        for coding in [Coding::Gzip, Coding::Zstd] {
            let packed = encode(coding, &bomb);
            let mut asked = 0;
            let outcome = decode(coding, &packed, usize::MAX, |bytes| {
                asked += bytes;
                Ok::<(), ()>(())
            });
            // zstd's bomb is a hundred times smaller than gzip's
            let steps = RATIO_FREE_BYTES.max(RATIO_MAX * packed.len()) + 2 * STEP_BYTES;
            assert!(outcome == Err(DecodeError::Ratio) && asked <= steps, "{coding:?} {asked}");
            let packed = encode(coding, &bomb[..200_000]);
            assert_eq!(decode(coding, &packed, 100_000, |_| Ok::<(), ()>(())), Err(DecodeError::TooLarge));
            assert_eq!(plain(coding, &packed).map(|body| body.len()), Ok(200_000), "within the free part");
            let room = |_| Err("full");
            assert_eq!(decode(coding, &packed, MANY, room), Err(DecodeError::NoRoom("full")));
        }
    }

    #[test]
    fn a23_members_and_frames_that_follow_one_another_are_one_body() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let body = [encode(coding, b"[1,"), encode(coding, b"2]")].concat();
            assert_eq!(plain(coding, &body).as_deref(), Ok(&b"[1,2]"[..]));
            let noise: Vec<u8> =
                (0..90_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let many = encode(coding, &noise).repeat(60);
            let outcome = decode(coding, &many, MANY, |_| Ok::<(), ()>(()));
            assert_eq!(outcome, Err(DecodeError::TooLarge), "counted together");
        }
    }

    #[test]
    fn a24_what_is_not_what_it_is_said_to_be_is_broken() {
        let text = br#"{"id":"a","amount":"1.25"}"#.repeat(100);
        for coding in [Coding::Gzip, Coding::Zstd] {
            let sound = encode(coding, &text);
            assert_eq!(plain(coding, &sound).as_deref(), Ok(&text[..]));
            for end in [0, 1, sound.len() / 2, sound.len() - 1] {
                assert_eq!(plain(coding, &sound[..end]), Err(DecodeError::Broken), "{coding:?} cut at {end}");
            }
            assert_eq!(plain(coding, &text), Err(DecodeError::Broken), "plain");
            assert_eq!(plain(coding, &[&sound[..], b"junk"].concat()), Err(DecodeError::Broken));
            let nested = encode(coding, &sound);
            assert_eq!(plain(coding, &nested), Ok(sound.clone()), "one layer is taken off");
        }
        let mut sum = encode(Coding::Gzip, &text);
        let place = sum.len() - 8;
        sum[place] ^= 1;
        assert_eq!(plain(Coding::Gzip, &sum), Err(DecodeError::Broken), "the checksum");
        let other = encode(Coding::Zstd, &text);
        assert_eq!(plain(Coding::Gzip, &other), Err(DecodeError::Broken), "another coding");
    }

    #[test]
    fn a23_a_window_that_would_take_more_memory_than_a_decoder_must_have_is_refused() {
        use std::io::Write as _;
        let with_window = |log| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(&[b' '; 1000]).unwrap();
            // flushed before its end is known: the frame states its window
            encoder.flush().unwrap();
            encoder.write_all(&[b'x'; 1000]).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(plain(Coding::Zstd, &with_window(23)).map(|body| body.len()), Ok(2000));
        assert_eq!(plain(Coding::Zstd, &with_window(24)), Err(DecodeError::Broken));
    }
}

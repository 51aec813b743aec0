//! A body in chunks (RFC 9112 §7.1): sizes in hexadecimal, extensions and trailers within bounds, each
//! line ended by CR LF and nothing else.

use super::head::{HeadBounds, is_token, is_value};

/// A size of more digits is no body that we would take.
const SIZE_DIGITS_MAX: u8 = 15;
/// Extensions are read over: nobody sends any, so a few bytes a chunk are plenty.
const EXTENSION_BYTES_MAX: usize = 256;
/// Of all chunks together. hyper refuses at four times as many.
const EXTENSIONS_BYTES_MAX: usize = 4 * 1024;

/// How far a body has come.
#[derive(Debug, Default)]
pub struct Chunks {
    place: Place,
    /// Of the size that is read, or of the chunk: what is left of it.
    size: u64,
    digits: u8,
    /// Of this line's extension, or of all trailers.
    length: usize,
    extensions: usize,
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Size,
    Extension,
    SizeLf,
    Content,
    ContentCr,
    ContentLf,
    LineStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    End,
}

/// What became of the bytes that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProgress {
    /// All of them belong to the body, and more must come.
    More,
    /// The body ends after so many.
    Complete { bytes: usize },
    /// The one after so many cannot stand there.
    Broken { bytes: usize },
}

impl Chunks {
    /// Goes over the bytes that have come.
    pub fn advance(&mut self, bytes: &[u8], bounds: &HeadBounds) -> BodyProgress {
        let mut at = 0;
        while at < bytes.len() {
            if self.place == Place::Content {
                let taken = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len() - at);
                at += taken;
                self.size -= taken as u64;
                if self.size == 0 {
                    self.place = Place::ContentCr;
                }
                continue;
            }
            match self.step(bytes[at], bounds) {
                Some(place) => self.place = place,
                None => return BodyProgress::Broken { bytes: at },
            }
            at += 1;
            if self.place == Place::End {
                return BodyProgress::Complete { bytes: at };
            }
        }
        BodyProgress::More
    }

    /// Where the byte leads; nowhere if it cannot stand here.
    fn step(&mut self, byte: u8, bounds: &HeadBounds) -> Option<Place> {
        match (self.place, byte) {
            (Place::Size, b'\r') if self.digits > 0 => Some(Place::SizeLf),
            (Place::Size, b';') if self.digits > 0 => self.extension(),
            (Place::Size, digit) => self.size_digit(digit),
            (Place::Extension, b'\r') => Some(Place::SizeLf),
            (Place::Extension, byte) if is_value(&[byte]) => self.extension(),
            (Place::SizeLf, b'\n') => Some(self.chunk()),
            (Place::ContentCr, b'\r') => Some(Place::ContentLf),
            (Place::ContentLf, b'\n') => Some(Place::Size),
            (Place::LineStart, b'\r') => Some(Place::EndLf),
            (Place::LineStart, byte) if is_token(&[byte]) => {
                self.trailers += 1;
                (self.trailers <= bounds.headers_max).then(|| self.trailer(Place::TrailerName, bounds))?
            }
            (Place::TrailerName, b':') => self.trailer(Place::TrailerValue, bounds),
            (Place::TrailerName, byte) if is_token(&[byte]) => self.trailer(Place::TrailerName, bounds),
            (Place::TrailerValue, b'\r') => self.trailer(Place::TrailerLf, bounds),
            (Place::TrailerValue, byte) if is_value(&[byte]) => self.trailer(Place::TrailerValue, bounds),
            (Place::TrailerLf, b'\n') => self.trailer(Place::LineStart, bounds),
            (Place::EndLf, b'\n') => Some(Place::End),
            _ => None,
        }
    }

    fn size_digit(&mut self, byte: u8) -> Option<Place> {
        let digit = char::from(byte).to_digit(16)?;
        self.digits += 1;
        self.size = self.size << 4 | u64::from(digit);
        (self.digits <= SIZE_DIGITS_MAX).then_some(Place::Size)
    }

    fn extension(&mut self) -> Option<Place> {
        self.length += 1;
        self.extensions += 1;
        let fits = self.length <= EXTENSION_BYTES_MAX && self.extensions <= EXTENSIONS_BYTES_MAX;
        fits.then_some(Place::Extension)
    }

    /// The line of the size has ended.
    fn chunk(&mut self) -> Place {
        self.digits = 0;
        self.length = 0;
        if self.size == 0 { Place::LineStart } else { Place::Content }
    }

    fn trailer(&mut self, place: Place, bounds: &HeadBounds) -> Option<Place> {
        self.length += 1;
        // hyper counts the two of the empty line as well, and refuses at the bound
        (self.length + 3 < bounds.bytes_max).then_some(place)
    }
}

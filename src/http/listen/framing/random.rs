//! Streams of random requests, of which many are spoilt in one place, and cut at random places.

use fastrand::Rng;

pub struct Stream {
    pub bytes: Vec<u8>,
    random: Rng,
}

const NAMES: [&str; 8] =
    ["accept", "User-Agent", "X-A", "authorization", "content-type", "x-forwarded-for", "te", "cookie"];
const VALUES: [&str; 7] = ["", "a", "text/plain; q=0.5", "Bearer xyz", "\u{e9}\t\u{e9}", "a, b", "chunked"];
const TARGETS: [&str; 9] = [
    "/",
    "/api/prices",
    "/a?b=c&d=%20",
    "/a/~b/:c@d",
    "/\u{e9}",
    "/a|b\"{}",
    "http://h.example/x",
    "*",
    "//a//b?",
];
/// What two servers may read differently, to be put anywhere.
const SPOILERS: [&[u8]; 22] = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"\0",
    b"0",
    b",",
    b";",
    b"#",
    b"\x7f",
    b"\xff",
    b"\r\n x",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Host: b\r\n",
    b"0\r\n\r\n",
    b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
    b"HTTP/2.0",
    b"transfer-encoding: gzip, chunked\r\n",
];

impl Stream {
    pub fn random(seed: u64) -> Stream {
        let mut stream = Stream { bytes: Vec::new(), random: Rng::with_seed(seed) };
        for _ in 0..stream.random.usize(1..5) {
            stream.request();
        }
        if stream.random.u8(..) < 170 {
            stream.spoil();
        }
        stream
    }

    /// The same bytes in pieces.
    pub fn pieces(&mut self) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        let mut rest = &self.bytes[..];
        let longest = [1, 3, 40, 1000][self.random.usize(..4)];
        while !rest.is_empty() {
            let piece;
            (piece, rest) = rest.split_at(self.random.usize(1..=longest).min(rest.len()));
            pieces.push(piece);
        }
        pieces
    }

    fn any<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.random.usize(..of.len())]
    }

    fn put(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn line(&mut self, name: &str, value: &str) {
        let space = self.any(&["", " ", "\t ", " "]);
        let end = self.any(&["", "", " "]);
        self.put(&format!("{name}:{space}{value}{end}\r\n"));
    }

    fn request(&mut self) {
        let (blank, method, target) = (
            self.any(&["", "", "", "\r\n"]),
            self.any(&["GET", "POST", "PUT", "HEAD", "X-Y"]),
            self.any(&TARGETS),
        );
        self.put(&format!("{blank}{method} {target} HTTP/1.1\r\n"));
        let host = self.any(&["Host", "host", "HOST"]);
        let named = self.any(&["a", "a.example:80", "[::1]:8080", ""]);
        self.line(host, named);
        for _ in 0..self.random.usize(..6) {
            let (name, value) = (self.any(&NAMES), self.any(&VALUES));
            self.line(name, value);
        }
        let body: Vec<u8> = (0..self.random.usize(..300)).map(|_| self.random.u8(..)).collect();
        match self.random.u8(..3) {
            0 => self.put("\r\n"),
            1 => {
                self.line("content-Length", &body.len().to_string());
                self.put("\r\n");
                self.bytes.extend_from_slice(&body);
            }
            _ => self.chunked(&body),
        }
    }

    fn chunked(&mut self, body: &[u8]) {
        let word = self.any(&["chunked", "Chunked"]);
        self.line("Transfer-Encoding", word);
        self.put("\r\n");
        let mut rest = body;
        while !rest.is_empty() {
            let chunk;
            (chunk, rest) = rest.split_at(self.random.usize(1..=100).min(rest.len()));
            let (zeros, extension) =
                (self.any(&["", "", "00"]), self.any(&["", "", ";a", ";a=\"b c\"", "; x"]));
            self.put(&format!("{zeros}{:x}{extension}\r\n", chunk.len()));
            self.bytes.extend_from_slice(chunk);
            self.put("\r\n");
        }
        let end = self.any(&["0\r\n\r\n", "000;x\r\n\r\n", "0\r\nx-t: 1\r\n\r\n"]);
        self.put(end);
    }

    fn spoil(&mut self) {
        let at = self.random.usize(..self.bytes.len());
        match self.random.u8(..4) {
            0 => self.bytes[at] = self.random.u8(..),
            1 => drop(self.bytes.remove(at)),
            2 => {
                let spoiler = SPOILERS[self.random.usize(..SPOILERS.len())];
                self.bytes.splice(at..at, spoiler.iter().copied());
            }
            _ => self.bytes.truncate(at),
        }
    }
}

//! The currency codes of ISO 4217, as amended up to January 2026.
//!
//! Active codes, without `XTS` (for tests) and `XXX` (no currency), which price nothing; and the
//! codes withdrawn since 1999 that still turn up, with what took their place.

const ACTIVE: &str = "\
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD \
CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP \
GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR \
KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN \
MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX \
USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD \
XPF XPT XSU XUA YER ZAR ZMW ZWG ";

#[rustfmt::skip]
const WITHDRAWN: [(&str, &str); 35] = [
    ("ANG", "XCG"), ("ATS", "EUR"), ("AZM", "AZN"), ("BEF", "EUR"), ("BGN", "EUR"), ("BYR", "BYN"),
    ("CUC", "CUP"), ("CYP", "EUR"), ("DEM", "EUR"), ("EEK", "EUR"), ("ESP", "EUR"), ("FIM", "EUR"),
    ("FRF", "EUR"), ("GHC", "GHS"), ("GRD", "EUR"), ("HRK", "EUR"), ("IEP", "EUR"), ("ITL", "EUR"),
    ("LTL", "EUR"), ("LUF", "EUR"), ("LVL", "EUR"), ("MRO", "MRU"), ("MTL", "EUR"), ("MZM", "MZN"),
    ("NLG", "EUR"), ("PTE", "EUR"), ("ROL", "RON"), ("SIT", "EUR"), ("SKK", "EUR"), ("SLL", "SLE"),
    ("STD", "STN"), ("TRL", "TRY"), ("VEF", "VES"), ("ZMK", "ZMW"), ("ZWL", "ZWG"),
];

/// One bit for each of the 26³ codes.
static ACTIVE_BITS: [u64; 275] = active_bits();

const fn active_bits() -> [u64; 275] {
    let mut bits = [0; 275];
    let codes = ACTIVE.as_bytes();
    let mut at = 0;
    while at < codes.len() {
        let place = place([codes[at], codes[at + 1], codes[at + 2]]);
        bits[place / 64] |= 1 << (place % 64);
        at += 4;
    }
    bits
}

const fn place(code: [u8; 3]) -> usize {
    ((code[0] - b'A') as usize * 26 + (code[1] - b'A') as usize) * 26 + (code[2] - b'A') as usize
}

/// Whether the code is on the list of January 2026, other than `XTS` and `XXX`.
pub fn is_active(code: &str) -> bool {
    match code.as_bytes() {
        &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => {
            let place = place([a, b, c]);
            ACTIVE_BITS[place / 64] >> (place % 64) & 1 == 1
        }
        _ => false,
    }
}

/// The code that took the place of a withdrawn one; `None` where none that we know was withdrawn.
pub fn successor(code: &str) -> Option<&'static str> {
    WITHDRAWN.iter().find(|(old, _)| *old == code).map(|(_, new)| *new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_it_names_and_nothing_else() {
        let letters = || b'A'..=b'Z';
        let mut found = String::new();
        for a in letters() {
            for b in letters() {
                for c in letters() {
                    let code: String = [a, b, c].map(char::from).iter().collect();
                    if is_active(&code) {
                        found += &code;
                        found += " ";
                    }
                }
            }
        }
        assert_eq!(found, ACTIVE);
        for code in ["", "EU", "EURO", "eur", "XXX", "XTS", "BTC", "E1R", "€"] {
            assert!(!is_active(code), "{code}");
        }
    }

    #[test]
    fn a_withdrawn_code_is_not_active_and_its_successor_is() {
        for (old, new) in WITHDRAWN {
            assert!(!is_active(old) && is_active(new), "{old}");
        }
        assert_eq!(successor("HRK"), Some("EUR"));
    }
}

//! Countries, as people spell them.

use std::fmt;

/// A country, the same for every known spelling of it: `US`, `usa`, `United States`.
///
/// A code of ISO 3166-1 alpha-2 if two letters or a known name were given. Any other text is a
/// country of its own, without regard to case and spacing; it may be anything a person typed,
/// so `Debug` does not repeat it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(Spelling);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Spelling {
    Code([u8; 2]),
    Other(String),
}

impl Country {
    /// The country that `text` spells.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        let spelled = match *text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                let code = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
                Spelling::Code(match &code {
                    // Exceptionally reserved, and the European Union's own code for Greece.
                    b"UK" => *b"GB",
                    b"EL" => *b"GR",
                    _ => code,
                })
            }
            _ => {
                let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
                let folded = folded.to_lowercase();
                match NAMES.binary_search_by_key(&folded.as_str(), |it| it.0) {
                    Ok(at) => Spelling::Code(NAMES[at].1),
                    Err(_) => Spelling::Other(folded),
                }
            }
        };
        Self(spelled)
    }

    /// Its code of ISO 3166-1 alpha-2 in capital letters, where it is known.
    pub fn code(&self) -> Option<&str> {
        match &self.0 {
            Spelling::Code(code) => std::str::from_utf8(code).ok(),
            Spelling::Other(_) => None,
        }
    }

    /// Whether it is in the European single market, the United Kingdom or Switzerland.
    pub fn is_european(&self) -> bool {
        matches!(&self.0, Spelling::Code(code) if EUROPE.binary_search(code).is_ok())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().unwrap_or("[other]"))
    }
}

/// Members of the European Union and the European Economic Area, the United Kingdom and
/// Switzerland, sorted.
#[rustfmt::skip]
const EUROPE: &[[u8; 2]] = &[
    *b"AT", *b"BE", *b"BG", *b"CH", *b"CY", *b"CZ", *b"DE", *b"DK", *b"EE", *b"ES", *b"FI",
    *b"FR", *b"GB", *b"GR", *b"HR", *b"HU", *b"IE", *b"IS", *b"IT", *b"LI", *b"LT", *b"LU",
    *b"LV", *b"MT", *b"NL", *b"NO", *b"PL", *b"PT", *b"RO", *b"SE", *b"SI", *b"SK",
];

/// Names and alpha-3 codes in lower case, sorted, with their alpha-2 codes: the markets a shop
/// is likely to name. Two-letter codes need no row.
#[rustfmt::skip]
const NAMES: &[(&str, [u8; 2])] = &[
    ("are", *b"AE"), ("arg", *b"AR"), ("argentina", *b"AR"), ("aus", *b"AU"),
    ("australia", *b"AU"), ("austria", *b"AT"), ("aut", *b"AT"), ("bel", *b"BE"),
    ("belgium", *b"BE"), ("bgr", *b"BG"), ("bra", *b"BR"), ("brazil", *b"BR"),
    ("bulgaria", *b"BG"), ("burma", *b"MM"), ("can", *b"CA"), ("canada", *b"CA"), ("che", *b"CH"),
    ("chile", *b"CL"), ("china", *b"CN"), ("chl", *b"CL"), ("chn", *b"CN"), ("col", *b"CO"),
    ("colombia", *b"CO"), ("croatia", *b"HR"), ("cyp", *b"CY"), ("cyprus", *b"CY"),
    ("cze", *b"CZ"), ("czech republic", *b"CZ"), ("czechia", *b"CZ"), ("denmark", *b"DK"),
    ("deu", *b"DE"), ("deutschland", *b"DE"), ("dnk", *b"DK"), ("egy", *b"EG"), ("egypt", *b"EG"),
    ("england", *b"GB"), ("esp", *b"ES"), ("españa", *b"ES"), ("est", *b"EE"),
    ("estonia", *b"EE"), ("fin", *b"FI"), ("finland", *b"FI"), ("fra", *b"FR"),
    ("france", *b"FR"), ("gbr", *b"GB"), ("germany", *b"DE"), ("grc", *b"GR"),
    ("great britain", *b"GB"), ("greece", *b"GR"), ("hkg", *b"HK"), ("hong kong", *b"HK"),
    ("hrv", *b"HR"), ("hun", *b"HU"), ("hungary", *b"HU"), ("iceland", *b"IS"), ("idn", *b"ID"),
    ("ind", *b"IN"), ("india", *b"IN"), ("indonesia", *b"ID"), ("iran", *b"IR"),
    ("ireland", *b"IE"), ("irl", *b"IE"), ("irn", *b"IR"), ("isl", *b"IS"), ("isr", *b"IL"),
    ("israel", *b"IL"), ("ita", *b"IT"), ("italia", *b"IT"), ("italy", *b"IT"), ("japan", *b"JP"),
    ("jpn", *b"JP"), ("ken", *b"KE"), ("kenya", *b"KE"), ("kor", *b"KR"), ("latvia", *b"LV"),
    ("lie", *b"LI"), ("liechtenstein", *b"LI"), ("lithuania", *b"LT"), ("ltu", *b"LT"),
    ("lux", *b"LU"), ("luxembourg", *b"LU"), ("lva", *b"LV"), ("malaysia", *b"MY"),
    ("malta", *b"MT"), ("mex", *b"MX"), ("mexico", *b"MX"), ("mlt", *b"MT"), ("mmr", *b"MM"),
    ("myanmar", *b"MM"), ("mys", *b"MY"), ("netherlands", *b"NL"), ("new zealand", *b"NZ"),
    ("nga", *b"NG"), ("nigeria", *b"NG"), ("nld", *b"NL"), ("nor", *b"NO"),
    ("north korea", *b"KP"), ("northern ireland", *b"GB"), ("norway", *b"NO"), ("nzl", *b"NZ"),
    ("philippines", *b"PH"), ("phl", *b"PH"), ("pol", *b"PL"), ("poland", *b"PL"),
    ("portugal", *b"PT"), ("prk", *b"KP"), ("prt", *b"PT"), ("republic of korea", *b"KR"),
    ("romania", *b"RO"), ("rou", *b"RO"), ("rus", *b"RU"), ("russia", *b"RU"), ("sau", *b"SA"),
    ("saudi arabia", *b"SA"), ("scotland", *b"GB"), ("sgp", *b"SG"), ("singapore", *b"SG"),
    ("slovakia", *b"SK"), ("slovenia", *b"SI"), ("south africa", *b"ZA"), ("south korea", *b"KR"),
    ("spain", *b"ES"), ("svk", *b"SK"), ("svn", *b"SI"), ("swe", *b"SE"), ("sweden", *b"SE"),
    ("switzerland", *b"CH"), ("taiwan", *b"TW"), ("tha", *b"TH"), ("thailand", *b"TH"),
    ("the netherlands", *b"NL"), ("tur", *b"TR"), ("turkey", *b"TR"), ("twn", *b"TW"),
    ("türkiye", *b"TR"), ("u.s.", *b"US"), ("u.s.a.", *b"US"), ("ukr", *b"UA"),
    ("ukraine", *b"UA"), ("united arab emirates", *b"AE"), ("united kingdom", *b"GB"),
    ("united states", *b"US"), ("united states of america", *b"US"), ("usa", *b"US"),
    ("vietnam", *b"VN"), ("vnm", *b"VN"), ("wales", *b"GB"), ("zaf", *b"ZA"),
    ("österreich", *b"AT"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_country_are_the_same_country() {
        for (spellings, code) in [
            (["US", "usa", " United  States "], "US"),
            (["de", "DEU", "Germany"], "DE"),
            (["UK", "gb", "United Kingdom"], "GB"),
            (["EL", "Greece", "grc"], "GR"),
        ] {
            for text in spellings {
                assert_eq!(Country::of(text).code(), Some(code), "{text}");
            }
        }
        assert_eq!(Country::of("Narnia "), Country::of("NARNIA"));
        assert_ne!(Country::of("Narnia"), Country::of("Oz Land"));
        assert_eq!(Country::of("Narnia").code(), None);
    }

    #[test]
    fn a_text_in_the_wrong_field_is_not_printed() {
        let country = Country::of("1 Main Street");
        assert!(!format!("{country:?}").contains("Main"));
    }

    #[test]
    fn every_row_is_found() {
        for (name, code) in NAMES {
            let country = Country::of(name);
            assert_eq!(country.code().map(str::as_bytes), Some(&code[..]), "{name}");
        }
        for code in EUROPE {
            assert!(Country(Spelling::Code(*code)).is_european());
        }
        assert!(!Country::of("US").is_european());
    }
}

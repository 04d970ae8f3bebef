//! The languages and voices of `<Say>`
//! (<https://www.twilio.com/docs/voice/twiml/say/text-speech#available-voices-and-languages>; names as
//! in twilio-node 6.3).

/// The languages that `<Say>` takes.
const LANGUAGES: [&str; 72] = [
    "af-ZA",
    "am-ET",
    "ar-AE",
    "ar-XA",
    "arb",
    "bg-BG",
    "bn-IN",
    "ca-ES",
    "cmn-CN",
    "cmn-TW",
    "cs-CZ",
    "cy-GB",
    "da-DK",
    "de-AT",
    "de-DE",
    "el-GR",
    "en-AU",
    "en-CA",
    "en-GB",
    "en-GB-WLS",
    "en-IE",
    "en-IN",
    "en-NZ",
    "en-US",
    "en-ZA",
    "es-ES",
    "es-MX",
    "es-US",
    "eu-ES",
    "fi-FI",
    "fil-PH",
    "fr-BE",
    "fr-CA",
    "fr-FR",
    "gl-ES",
    "gu-IN",
    "he-IL",
    "hi-IN",
    "hu-HU",
    "id-ID",
    "is-IS",
    "it-IT",
    "ja-JP",
    "kn-IN",
    "ko-KR",
    "lt-LT",
    "lv-LV",
    "ml-IN",
    "mr-IN",
    "ms-MY",
    "nb-NO",
    "nl-BE",
    "nl-NL",
    "pa-IN",
    "pl-PL",
    "pt-BR",
    "pt-PT",
    "ro-RO",
    "ru-RU",
    "sk-SK",
    "sr-RS",
    "sv-SE",
    "ta-IN",
    "te-IN",
    "th-TH",
    "tr-TR",
    "uk-UA",
    "vi-VN",
    "yue-HK",
    "zh-CN",
    "zh-HK",
    "zh-TW",
];

/// Amazon's voices, by language. The second part of a name, such as `-Neural`, is not here.
const AMAZON: [(&str, &[&str]); 25] = [
    ("ar", &["Zeina", "Hala", "Zayd"]),
    ("ca", &["Arlet"]),
    ("cmn", &["Zhiyu"]),
    ("cs", &["Jitka"]),
    ("cy", &["Gwyneth"]),
    ("da", &["Naja", "Mads", "Sofie"]),
    ("de", &["Hans", "Marlene", "Vicki", "Daniel", "Hannah"]),
    (
        "en",
        &[
            "Aditi", "Amy", "Aria", "Arthur", "Ayanda", "Brian", "Danielle", "Emma", "Geraint",
            "Gregory", "Ivy", "Joanna", "Joey", "Justin", "Kajal", "Kendra", "Kevin", "Kimberly",
            "Matthew", "Niamh", "Nicole", "Olivia", "Raveena", "Russell", "Ruth", "Salli",
            "Stephen",
        ],
    ),
    (
        "es",
        &[
            "Andres", "Conchita", "Enrique", "Lucia", "Lupe", "Mia", "Mía", "Miguel", "Pedro",
            "Penelope", "Sergio",
        ],
    ),
    ("fi", &["Suvi"]),
    (
        "fr",
        &[
            "Celine",
            "Chantal",
            "Gabrielle",
            "Isabelle",
            "Lea",
            "Liam",
            "Mathieu",
            "Remi",
            "Rémi",
        ],
    ),
    ("hi", &["Aditi", "Kajal"]),
    ("is", &["Dora", "Karl"]),
    ("it", &["Adriano", "Bianca", "Carla", "Giorgio"]),
    ("ja", &["Kazuha", "Mizuki", "Takumi", "Tomoko"]),
    ("ko", &["Seoyeon"]),
    ("nb", &["Ida", "Liv"]),
    ("nl", &["Laura", "Lisa", "Lotte", "Ruben"]),
    ("pl", &["Ewa", "Jacek", "Jan", "Maja", "Ola"]),
    (
        "pt",
        &[
            "Camila",
            "Cristiano",
            "Ines",
            "Ricardo",
            "Thiago",
            "Vitoria",
        ],
    ),
    ("ro", &["Carmen"]),
    ("ru", &["Maxim", "Tatyana"]),
    ("sv", &["Astrid", "Elin"]),
    ("tr", &["Burcu", "Filiz"]),
    ("yue", &["Hiujin"]),
];

/// Voices of Twilio's own, and the beginnings of others. Which languages they speak is not in their
/// names.
const OTHERS: [&str; 4] = ["man", "woman", "alice", "ElevenLabs."];

/// Whose markup a voice knows (<https://www.twilio.com/docs/voice/twiml/say/text-speech#use-ssml>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ssml {
    /// Amazon Polly's
    /// (<https://docs.aws.amazon.com/polly/latest/dg/supportedtags.html>).
    Amazon,
    /// Google's (<https://cloud.google.com/text-to-speech/docs/ssml>).
    Google,
}

/// The markup that a voice knows.
pub fn ssml(voice: &str) -> Option<Ssml> {
    match voice.split_once('.')? {
        ("Polly", _) => Some(Ssml::Amazon),
        // Google's Chirp voices read markup aloud or refuse it.
        ("Google", name) if !name.contains("-Chirp") => Some(Ssml::Google),
        _ => None,
    }
}

/// The language as `<Say>` writes it, `da-DK` for `da-dk`. `None`: `<Say>` does not take it.
pub fn language(tag: &str) -> Option<&'static str> {
    let mut languages = LANGUAGES.iter();
    languages
        .find(|known| known.eq_ignore_ascii_case(tag))
        .copied()
}

/// The language in which `<Gather>` understands somebody who is spoken to in this language of
/// `<Say>`. `None`: in none (<https://www.twilio.com/docs/voice/twiml/gather#languagetags>).
pub fn understood(language: &str) -> Option<&str> {
    Some(match language {
        "ar-XA" | "arb" => "ar-SA",
        "cmn-CN" | "zh-CN" => "cmn-Hans-CN",
        "cmn-TW" => "cmn-Hant-TW",
        "cy-GB" => return None,
        "de-AT" => "de-DE",
        "en-GB-WLS" => "en-GB",
        "fr-BE" => "fr-FR",
        "pa-IN" => "pa-guru-IN",
        "yue-HK" | "zh-HK" => "yue-Hant-HK",
        same => same,
    })
}

/// Why a voice cannot speak a language, as the rest of a sentence that begins with its name. A
/// variety of the same language is none of our business: `Polly.Amy` may read `en-US`. A name that
/// is not listed here may be new.
///
/// # Errors
/// The reason.
pub fn speaks(voice: &str, tag: &str) -> Result<(), String> {
    let spoken: Vec<&str> = match voice.split_once('.') {
        Some(("Polly", name)) if !name.is_empty() => {
            let name = name.split('-').next().unwrap_or_default();
            let fits = AMAZON.iter().filter(|(_, names)| names.contains(&name));
            fits.map(|(language, _)| *language).collect()
        }
        Some(("Google", name)) if !name.is_empty() => vec![primary(name)],
        _ if OTHERS.contains(&voice) => Vec::new(),
        _ if OTHERS
            .iter()
            .any(|one| one.ends_with('.') && voice.starts_with(one)) =>
        {
            Vec::new()
        }
        _ => return Err("is not the name of a voice, such as Polly.Joanna-Neural".to_owned()),
    };
    if spoken.is_empty() || spoken.contains(&primary(tag)) {
        return Ok(());
    }
    Err(format!("does not speak {tag}, but {}", spoken.join(", ")))
}

/// The language without its variety.
fn primary(tag: &str) -> &str {
    match tag {
        "arb" => "ar",
        "zh-CN" | "zh-TW" => "cmn",
        "zh-HK" => "yue",
        _ => tag.split('-').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use words::Language;

    #[test]
    fn every_language_of_the_catalogue_has_a_voice_that_speaks_it() {
        for one in Language::all() {
            let (tag, voice) = (one.speech(), one.voice());
            assert_eq!(language(tag), Some(tag), "{one}");
            assert_eq!(speaks(voice, tag), Ok(()), "{one}");
            assert!(ssml(voice).is_some(), "{one}: {voice}");
            assert!(understood(tag).is_some(), "{one}: {tag}");
        }
    }

    #[test]
    fn a_voice_speaks_its_own_language() {
        for (voice, tag) in [
            ("Polly.Naja", "da-DK"),
            ("Polly.Joanna-Neural", "en-GB"),
            ("Polly.Kajal-Neural", "hi-IN"),
            ("Polly.Zhiyu", "zh-CN"),
            ("Polly.Zeina", "arb"),
            ("Polly.Newcomer-Neural", "da-DK"),
            ("Google.da-DK-Wavenet-A", "da-DK"),
            ("ElevenLabs.XA2bIQ92TabjGbpO2xRr", "da-DK"),
            ("alice", "da-DK"),
        ] {
            assert_eq!(speaks(voice, tag), Ok(()), "{voice} {tag}");
        }
        for (voice, tag, why) in [
            ("Polly.Naja", "en-US", "does not speak en-US, but da"),
            ("Polly.Aditi", "da-DK", "does not speak da-DK, but en, hi"),
            ("Google.en-US-Neural2-A", "sv-SE", "but en"),
            ("Joanna", "en-US", "is not the name of a voice"),
            ("Polly.", "en-US", "is not the name of a voice"),
            ("", "en-US", "is not the name of a voice"),
        ] {
            let told = speaks(voice, tag).unwrap_err();
            assert!(told.contains(why), "{voice} {tag}: {told}");
        }
        assert_eq!((language("DA-dk"), language("da")), (Some("da-DK"), None));
    }

    #[test]
    fn markup_is_for_voices_that_know_it() {
        for (voice, known) in [
            ("Polly.Joanna-Neural", Some(Ssml::Amazon)),
            ("Google.da-DK-Wavenet-A", Some(Ssml::Google)),
            ("Google.da-DK-Chirp3-HD-Kore", None),
            ("ElevenLabs.x", None),
            ("woman", None),
        ] {
            assert_eq!(ssml(voice), known, "{voice}");
        }
    }
}

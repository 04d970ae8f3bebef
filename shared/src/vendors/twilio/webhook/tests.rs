//! What a verified form says. Whether it is verified is tested in `shared/tests/it/twilio_webhooks.rs`.

use super::*;
use crate::platform::config;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn form(parameters: &[(&str, &str)]) -> Verified<Form> {
    let pairs = parameters
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let pairs = pairs.collect();
    Verified::new(Form { pairs })
}

/// A form with these parameters in place of its own. An empty value takes one away.
fn changed(own: &[(&str, &str)], changes: &[(&str, &str)]) -> Verified<Form> {
    let mut all = changes.to_vec();
    all.retain(|(_, value)| !value.is_empty());
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    all.extend(own.iter().filter(|(name, _)| !is_changed(name)));
    form(&all)
}

/// A text with these changes.
fn sms(changes: &[(&str, &str)]) -> Result<InboundSms, u16> {
    let sid = format!("SM{ID}");
    let own = [
        ("MessageSid", sid.as_str()),
        ("From", "+4512345678"),
        ("To", "+15005550006"),
        ("Body", " Yes "),
    ];
    InboundSms::parse(&changed(&own, changes)).map_err(|reply| reply.status)
}

/// A call with these changes.
fn call(changes: &[(&str, &str)]) -> Result<InboundCall, u16> {
    let sid = format!("CA{ID}");
    let own = [
        ("CallSid", sid.as_str()),
        ("From", "+4512345678"),
        ("To", "+15005550006"),
    ];
    InboundCall::parse(&changed(&own, changes)).map_err(|reply| reply.status)
}

#[test]
fn a_form_has_at_most_500_parameters() {
    let parsed = |parameters: usize| Form::parse("a=1&".repeat(parameters).as_bytes());
    assert_eq!(parsed(500).unwrap().into_pairs().len(), 500);
    assert!(parsed(501).is_none());
    let decoded = Form::parse(b"From=%2B45&Body=a+b").unwrap();
    assert_eq!(decoded.get("From"), Some("+45"));
    assert_eq!(decoded.get("Body"), Some("a b"));
    assert_eq!(decoded.get("To"), None);
}

#[test]
fn a_parameter_that_comes_twice_is_seen() {
    for (body, repeats) in [("", false), ("a=1&b=1", false), ("a=1&b=2&a=3", true)] {
        let form = Form::parse(body.as_bytes()).unwrap();
        assert_eq!(form.repeats(), repeats, "{body}");
    }
}

#[test]
fn the_public_url_is_a_setting() {
    let url = "https://sms.acme.example";
    let lookup = |name: &str| (name == "PUBLIC_URL").then(|| url.to_owned());
    let read = config::read(&lookup, public_url).unwrap();
    assert_eq!(read, url.parse().ok());
    assert_eq!(config::read(&|_| None, public_url).unwrap(), None);
}

#[test]
fn a_text_has_what_every_signed_one_has() {
    let text = sms(&[]).unwrap();
    assert_eq!(text.sid, format!("SM{ID}"));
    assert_eq!(text.from, "+4512345678".parse().ok());
    assert_eq!(text.to, "+15005550006".parse().ok());
    assert_eq!((text.body.as_str(), text.opt_out_type), (" Yes ", None));
    let picture = format!("MM{ID}");
    assert!(sms(&[("MessageSid", &picture)]).is_ok());
    let calls = format!("CA{ID}");
    for lacks in [
        ("MessageSid", ""),
        ("MessageSid", "SM1"),
        ("MessageSid", &calls),
        ("From", ""),
        ("To", ""),
        ("Body", ""),
    ] {
        assert_eq!(sms(&[lacks]).unwrap_err(), 403, "{lacks:?}");
    }
}

#[test]
fn only_a_text_with_pictures_may_lack_a_body() {
    let with = |count: &str| sms(&[("Body", ""), ("NumMedia", count)]).map(|text| text.body);
    assert_eq!(with("1"), Ok(String::new()));
    assert_eq!(with("0"), Err(403));
    assert_eq!(with("one"), Err(403));
}

#[test]
fn ten_pictures_with_usable_addresses_are_taken() {
    let urls: Vec<(String, String)> = (0..12)
        .map(|n| (format!("MediaUrl{n}"), format!("https://m.example/{n}")))
        .collect();
    let mut parameters = vec![("NumMedia", "12")];
    parameters.extend(urls.iter().map(|(name, url)| (&**name, &**url)));
    let media = sms(&parameters).unwrap().media;
    assert_eq!(media.len(), 10);
    assert_eq!(media[9], "https://m.example/9");
    let taken = |url: &str| {
        let text = sms(&[("NumMedia", "1"), ("MediaUrl0", url)]).unwrap();
        text.media.len() == 1
    };
    let long = |bytes: usize| format!("https://m.example/{}", "x".repeat(bytes - 18));
    assert!(taken(&long(2_000)) && !taken(&long(2_001)));
    assert!(!taken("http://m.example/1") && !taken("file:///etc/passwd"));
}

#[test]
fn an_rcs_address_is_its_number_and_an_agent_has_none() {
    let text = sms(&[("From", "rcs:+4512345678"), ("To", "rcs:acme_agent")]).unwrap();
    assert_eq!(text.sender, "+4512345678");
    assert_eq!((text.from, text.to), ("+4512345678".parse().ok(), None));
    let other = sms(&[("From", "whatsapp:+4512345678")]).unwrap();
    assert_eq!(other.sender, "whatsapp:+4512345678");
    assert_eq!(other.from, None);
}

#[test]
fn a_stop_word_alone_opts_out_unless_twilio_says_otherwise() {
    for (body, kind, opts_out) in [
        (" Stop ", "", true),
        ("ARRET", "", true),
        ("stop it", "", false),
        ("yes", "STOP", true),
        ("stop", "HELP", false),
    ] {
        let text = sms(&[("Body", body), ("OptOutType", kind)]).unwrap();
        assert_eq!(text.opts_out(), opts_out, "{body} {kind}");
    }
    let own = [("MessageSid", format!("SM{ID}"))];
    let empty = [
        (own[0].0, own[0].1.as_str()),
        ("From", "+4512345678"),
        ("To", "+15005550006"),
        ("Body", "stop"),
        ("OptOutType", ""),
    ];
    assert!(InboundSms::parse(&form(&empty)).unwrap().opts_out());
}

#[test]
fn copies_of_a_message_have_one_fingerprint() {
    let of = |changes: &[(&str, &str)]| sms(changes).unwrap().fingerprint();
    let copy = format!("MM{ID}");
    assert_eq!(of(&[]), of(&[("MessageSid", &copy), ("NumMedia", "0")]));
    assert_eq!(of(&[]).len(), 16);
    assert_ne!(of(&[]), of(&[("Body", "Yes")]));
    assert_ne!(of(&[]), of(&[("From", "+4512345679")]));
}

#[test]
fn a_call_has_what_every_signed_step_has() {
    let step = call(&[("ForwardedFrom", "+4587654321")]).unwrap();
    assert_eq!(step.sid, format!("CA{ID}"));
    assert_eq!(step.from, "+4512345678".parse().ok());
    assert_eq!(step.to, "+15005550006".parse().ok());
    assert_eq!(step.forwarded_from.as_deref(), Some("+4587654321"));
    assert_eq!(
        call(&[("ForwardedFrom", " ")]).unwrap().forwarded_from,
        None
    );
    let text = format!("SM{ID}");
    for lacks in [
        ("CallSid", ""),
        ("CallSid", &text),
        ("From", ""),
        ("To", ""),
    ] {
        assert_eq!(call(&[lacks]).unwrap_err(), 403, "{lacks:?}");
    }
}

#[test]
fn a_withheld_number_is_no_caller() {
    for from in [
        "+266696687",
        "266696687",
        "+86282452253",
        "Anonymous",
        "blocked",
    ] {
        assert!(is_withheld(from), "{from}");
        assert_eq!(call(&[("From", from)]).unwrap().from, None, "{from}");
    }
    for from in ["+4512345678", "+26669668", "Ann"] {
        assert!(!is_withheld(from), "{from}");
    }
}

#[test]
fn a_call_is_over_in_its_last_states_only() {
    let is_over = |status: &str| has_ended(&form(&[("CallStatus", status)]));
    assert!(["completed", "busy", "failed", "no-answer", "canceled"].map(is_over) == [true; 5]);
    assert!(["queued", "ringing", "in-progress", ""].map(is_over) == [false; 4]);
    assert!(!has_ended(&form(&[])));
}

#[test]
fn lengths_are_read_and_an_unreadable_one_is_nothing() {
    for (text, seconds) in [("75", 75), ("", 0), ("-1", 0), ("a minute", 0)] {
        assert_eq!(call_seconds(&form(&[("CallDuration", text)])), seconds);
    }
    assert_eq!(call_seconds(&form(&[])), 0);
}

#[test]
fn a_dialled_call_was_answered_or_not() {
    let dialled = |status: &str| {
        let parameters = [("DialCallStatus", status), ("DialCallDuration", "9")];
        Dialled::parse(&form(&parameters)).unwrap()
    };
    for (status, answered) in [
        ("completed", true),
        ("answered", true),
        ("busy", false),
        ("no-answer", false),
    ] {
        let seconds = 9;
        assert_eq!(dialled(status), Dialled { answered, seconds }, "{status}");
    }
    assert_eq!(Dialled::parse(&form(&[("DialCallDuration", "9")])), None);
}

#[test]
fn a_recording_has_an_address_that_may_be_passed_on() {
    let read = |url: &str| {
        let parameters = [("RecordingUrl", url), ("RecordingDuration", "9")];
        Recording::parse(&form(&parameters)).map(|recording| (recording.url, recording.seconds))
    };
    let url = "https://api.twilio.example/r".to_owned();
    assert_eq!(read(&url), Some((url.clone(), 9)));
    assert_eq!(read("http://api.twilio.example/r"), None);
    assert!(Recording::parse(&form(&[("RecordingDuration", "9")])).is_none());
}

#[test]
fn keys_and_speech_are_read_and_a_long_speech_is_nothing() {
    let heard = |text: &str| {
        let form = form(&[("Digits", "1234#"), ("SpeechResult", text)]);
        assert_eq!(keys(&form).expose_secret(), "1234#");
        speech(&form).expose_secret().len()
    };
    assert_eq!(
        [0, 500, 501].map(|bytes| heard(&"x".repeat(bytes))),
        [0, 500, 0]
    );
    assert_eq!(keys(&form(&[])).expose_secret(), "");
}

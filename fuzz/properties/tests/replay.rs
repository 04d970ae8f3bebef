//! Every property holds for its corpus, and for mutations of it. The mutations are the same in each
//! run. `FUZZ_SECONDS` is the time for each property; it is two seconds if not set.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use fuzz_properties::{PROPERTIES, Property, Told, told};

/// No input may take longer, not even where others work on the same machine.
const LONGEST: Duration = Duration::from_secs(20);
/// Mutations are no longer than this.
const SIZE: usize = 16 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The inputs of a corpus, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder().join("corpus").join(name)).expect("a corpus");
    let files: BTreeSet<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    let read = |file: PathBuf| fs::read(file).expect("a file that can be read");
    files.into_iter().map(read).collect()
}

fn check(name: &str, property: Property, input: &[u8]) {
    let begun = Instant::now();
    let held = catch_unwind(AssertUnwindSafe(|| property(input))).is_ok();
    assert!(
        held,
        "{name} does not hold for b\"{}\"",
        input.escape_ascii()
    );
    let took = begun.elapsed();
    assert!(
        took < LONGEST,
        "{name} took {took:?} for b\"{}\"",
        input.escape_ascii()
    );
}

#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a person sets the time, and reads what was done in it"
)]
fn replay(name: &str) {
    let known = PROPERTIES.iter().find(|(known, _)| *known == name);
    let (_, property) = known.expect("a property");
    let corpus = corpus(name);
    for input in &corpus {
        check(name, *property, input);
    }
    let seconds = env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(2));
    let (mut dice, mut count) = (Dice(1), 0_u64);
    while Instant::now() < end {
        check(name, *property, &dice.mutate(&corpus));
        count += 1;
    }
    println!("{name}: {} inputs, {count} mutations", corpus.len());
}

/// Random numbers, the same in each run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % bound.max(1)
    }

    /// One of the inputs after one to eight changes.
    fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            b"\0",
            b"%00",
            b"\xff",
            b"\xc3",
            b"\r\n",
            b"&",
            b"=",
            b"\"",
            b"\\u0000",
            b"{",
            b"[",
            b"<a href=",
            b"-1",
            b"18446744073709551616",
            "\u{202e}\u{1f618}".as_bytes(),
            b"+",
        ];
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            let at = self.below(input.len() + 1);
            let until = (at + self.below(16)).min(input.len());
            match self.below(7) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 if at < input.len() => input[at] = u8::try_from(self.below(256)).unwrap_or(0),
                2 => drop(input.drain(at..until)),
                3 => {
                    let piece = input[at..until].repeat(1 + self.below(20));
                    input.splice(at..at, piece);
                }
                4 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(200)).min(other.len());
                    input.splice(at..until, other[from..to].iter().copied());
                }
                5 => input.truncate(at),
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    input.splice(at..at, piece.iter().copied());
                }
            }
            input.truncate(SIZE);
        }
        input
    }
}

/// What the functions make of these inputs of the corpus, one after the other in a world of their own.
fn asked(names: &'static [&str]) -> Vec<Told> {
    let ask = move || -> Vec<Told> {
        let read =
            |name: &&str| fs::read(folder().join("corpus/entrance").join(name)).expect("a file");
        let inputs = names.iter().map(read);
        inputs
            .map(|input| told(&input).expect("a request"))
            .collect()
    };
    let thread = thread::Builder::new().stack_size(8 << 20).spawn(ask);
    thread.expect("a thread").join().expect("no panic")
}

fn outcomes(told: &[Told]) -> Vec<&'static str> {
    told.iter().map(|told| told.outcome).collect()
}

#[test]
fn each_mail_of_the_corpus_becomes_a_text() {
    for name in [
        &["send-verification-sms"],
        &["send-verification-sms-parts"],
        &["send-verification-sms-password"],
        &["send-verification-sms-dkim"],
        &["send-verification-sms-dkim-parts"],
    ] {
        let told = &asked(name)[0];
        let Told {
            status,
            outcome,
            texts,
        } = told;
        assert_eq!((*status, *outcome, *texts), (200, "sent", 1), "{name:?}");
    }
}

#[test]
fn a_mail_that_its_sender_did_not_sign_becomes_no_text() {
    let told = asked(&[
        "send-verification-sms-dkim-foreign",
        "send-verification-sms-dkim-listed",
        "send-verification-sms-dkim-failed",
        "send-verification-sms-dkim-partial",
        "send-verification-sms-dkim-parts-foreign",
    ]);
    let expected = [
        "dkim_not_aligned",
        "dkim_not_aligned",
        "dkim_not_passed",
        "recipient_not_addressed",
        "dkim_not_aligned",
    ];
    assert_eq!(outcomes(&told), expected);
    assert!(told.iter().all(|told| told.texts == 0), "{told:?}");
}

#[test]
fn the_call_of_the_corpus_comes_to_the_menu() {
    let told = asked(&[
        "ivr-validate-voice",
        "ivr-validate-voice-1-account",
        "ivr-validate-voice-2-pin",
        "ivr-validate-voice-3-menu",
    ]);
    // No API runs behind the menu.
    let expected = ["asked_account", "asked_pin", "greeted", "api_unavailable"];
    assert_eq!(outcomes(&told), expected);
}

#[test]
fn what_is_signed_otherwise_is_read_and_what_is_not_signed_is_refused() {
    let told = asked(&[
        "api-call-json",
        "delivery-status-vonage-query",
        "provision-numbers-challenge",
        "sms-gateway-webhook-forged",
        "sms-gateway-generic-forged",
        "sms-gateway-generic-forged-hash",
        "sms-gateway-forged",
        "delivery-status-plivo-forged",
        "delivery-status-vonage-call-forged",
        "delivery-status-vonage-forged",
        "receive-confirmation-sms-forged",
        "send-verification-sms-forged",
    ]);
    let (signed, forged) = told.split_at(3);
    assert_eq!(outcomes(signed)[1..], ["unknown_text", "verified"]);
    for told in forged {
        assert!([401, 403].contains(&told.status), "{told:?}");
        assert_ne!(told.outcome, "signature_missing", "{told:?}");
    }
}

macro_rules! replayed {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                // As large as the stack of a function's main thread.
                let replay = || replay(stringify!($name));
                let thread = thread::Builder::new().stack_size(8 << 20).spawn(replay);
                if let Err(panic) = thread.expect("a thread").join() {
                    resume_unwind(panic);
                }
            }
        )*

        #[test]
        fn every_property_has_a_fuzzer_a_corpus_and_a_test() {
            let names: Vec<&str> = PROPERTIES.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            let targets: BTreeSet<String> = fs::read_dir(folder().join("fuzz_targets"))
                .expect("the fuzzers")
                .map(|file| file.expect("a file").file_name().into_string().expect("a name"))
                .collect();
            let expected: BTreeSet<String> = names.iter().map(|name| format!("{name}.rs")).collect();
            assert_eq!(targets, expected);
            for name in names {
                assert!(!corpus(name).is_empty(), "{name}");
            }
        }
    };
}

replayed! { cognito entrance event form html json jwt link mail phone receipt segments setting signature twiml }

//! Every property holds for its corpus, and for mutations of it. The mutations are the same in each
//! run. `FUZZ_SECONDS` is the time for each property; it is two seconds if not set.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use fuzz_properties::{PROPERTIES, Property};

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

replayed! { cognito entrance event form html jwt link phone segments setting signature twiml }

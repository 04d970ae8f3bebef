//! What people text who answer with more than one YES, and the mails that they get.

use fastrand::Rng;

use super::copies;

const YES: [&str; 6] = ["YES", "yes", "Yes!", "JA", "ja.", "ＹＥＳ"];
/// No word that confirms in these languages, and none that Twilio or the function takes for STOP.
const OTHERS: [&str; 9] = [
    "NO",
    "yes please",
    "OUI",
    "",
    "Who is this?",
    "HELP",
    "4821",
    "stop it",
    "YES NO",
];
const STOP: [&str; 5] = ["STOP", "stop", "Unsubscribe", "QUIT", "END"];
const START: [&str; 2] = ["START", "Unstop"];

/// What a mail asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soak) enum About {
    /// To verify the account of the phone's first address.
    Account,
    /// To verify the account of its other address.
    OtherAccount,
    /// A new password for the first one.
    Password,
}

impl About {
    /// The address that such a mail goes to.
    pub(in crate::soak) fn email(self, phone: &str) -> String {
        let prefix = if self == Self::OtherAccount {
            "shop"
        } else {
            "acme"
        };
        format!("{prefix}{phone}@sms.example.com")
    }
}

/// What a person texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soak) enum Says {
    /// A word that confirms.
    Yes(&'static str),
    /// YES, with the code that the list gave for this.
    Chosen(About),
    /// YES, with a code that the list gave for nothing.
    WrongCode,
    /// Anything else.
    Other(&'static str),
    /// A picture without words.
    Picture,
    Stop(&'static str),
    Start(&'static str),
    /// HELP, marked and answered by Twilio (Advanced Opt-Out).
    MarkedHelp,
}

impl Says {
    /// Whether it may confirm something.
    pub(in crate::soak) fn confirms(self) -> bool {
        matches!(self, Self::Yes(_) | Self::Chosen(_))
    }
}

/// A part of a talk. The parts come one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::soak) enum Line {
    /// These mails come at once, each so many times.
    Mails(Vec<About>, usize),
    /// The person texts this, so many times at once.
    Says(Says, usize),
}

/// The mails to one phone, and what its person texts.
#[derive(Clone, Debug)]
pub(in crate::soak) struct Talk {
    pub(in crate::soak) phone: String,
    pub(in crate::soak) lines: Vec<Line>,
}

impl Talk {
    /// A talk of the seed.
    pub(in crate::soak) fn draw(random: &mut Rng, phone: String) -> Self {
        let lines = match random.u8(..10) {
            0 | 1 => password(random),
            2 | 3 => others(random),
            4 | 5 => opt_out(random),
            6..9 => two(random),
            _ => nothing(random),
        };
        Self { phone, lines }
    }
}

fn one_of<T: Copy, const N: usize>(random: &mut Rng, all: [T; N]) -> T {
    all[random.usize(..N)]
}

fn yes(random: &mut Rng) -> Line {
    Line::Says(Says::Yes(one_of(random, YES)), copies(random))
}

/// A reply that neither confirms nor stops.
fn other(random: &mut Rng) -> Line {
    let says = match random.u8(..8) {
        0 => Says::Picture,
        1 => Says::MarkedHelp,
        2 => Says::Start(one_of(random, START)),
        3 => Says::WrongCode,
        _ => Says::Other(one_of(random, OTHERS)),
    };
    Line::Says(says, 1)
}

/// The same message comes so many times at once.
fn repeated_other(random: &mut Rng) -> Line {
    Line::Says(Says::Other(one_of(random, OTHERS)), copies(random))
}

/// Somebody forgot a password.
fn password(random: &mut Rng) -> Vec<Line> {
    let mut lines = vec![Line::Mails(vec![About::Password], copies(random))];
    if random.bool() {
        lines.push(other(random));
    }
    if random.u8(..5) > 0 {
        lines.push(yes(random));
        // The link was handed over: nothing waits for this.
        lines.push(yes(random));
    }
    lines
}

/// Somebody signs up, and does not say YES at once.
fn others(random: &mut Rng) -> Vec<Line> {
    let mut lines = vec![Line::Mails(vec![About::Account], copies(random))];
    lines.push(repeated_other(random));
    lines.extend((0..random.usize(..3)).map(|_| other(random)));
    if random.u8(..4) > 0 {
        lines.push(yes(random));
        lines.push(other(random));
    }
    lines
}

/// Somebody wants no texts, and then wants them after all.
fn opt_out(random: &mut Rng) -> Vec<Line> {
    let mails = if random.bool() {
        vec![About::Account]
    } else {
        vec![About::Account, About::Password]
    };
    let mut lines = vec![
        Line::Mails(mails, copies(random)),
        Line::Says(Says::Stop(one_of(random, STOP)), 1),
        other_but_start(random),
    ];
    match random.u8(..3) {
        // A YES opts in again, and what was cancelled stays cancelled.
        0 => lines.push(yes(random)),
        // Twilio refuses the text of a mail that comes meanwhile.
        1 => lines.extend([
            Line::Mails(vec![About::OtherAccount], 1),
            Line::Says(Says::Start(one_of(random, START)), 1),
            yes(random),
        ]),
        _ => lines.push(Line::Says(Says::Start(one_of(random, START)), 1)),
    }
    lines.push(Line::Mails(vec![About::Account], copies(random)));
    lines.push(yes(random));
    lines
}

fn other_but_start(random: &mut Rng) -> Line {
    loop {
        let line = other(random);
        if !matches!(line, Line::Says(Says::Start(_), _)) {
            return line;
        }
    }
}

/// Two mails to one phone.
fn two(random: &mut Rng) -> Vec<Line> {
    use About::{Account, OtherAccount, Password};
    let copies_of_mails = copies(random);
    if random.u8(..5) == 0 {
        // The newer mail's link takes the place of the older one.
        let about = one_of(random, [Account, Password]);
        return vec![
            Line::Mails(vec![about], copies_of_mails),
            Line::Mails(vec![about], copies(random)),
            yes(random),
            yes(random),
        ];
    }
    let pairs = [
        [Account, OtherAccount],
        [Account, Password],
        [OtherAccount, Password],
    ];
    let pair = one_of(random, pairs);
    let mut lines = vec![Line::Mails(pair.to_vec(), copies_of_mails), yes(random)];
    if random.u8(..3) == 0 {
        lines.push(Line::Says(Says::WrongCode, 1));
    }
    let chosen = one_of(random, pair);
    lines.push(Line::Says(Says::Chosen(chosen), copies(random)));
    // Only the other one waits now.
    match random.u8(..4) {
        0 => lines.push(yes(random)),
        1 => {
            let other = pair.into_iter().find(|about| *about != chosen);
            lines.extend(other.map(|other| Line::Says(Says::Chosen(other), copies(random))));
        }
        2 => lines.push(Line::Says(Says::Stop(one_of(random, STOP)), 1)),
        _ => {}
    }
    lines
}

/// Nobody waits for a word of this phone.
fn nothing(random: &mut Rng) -> Vec<Line> {
    let stop = Line::Says(Says::Stop(one_of(random, STOP)), 1);
    vec![repeated_other(random), yes(random), stop, yes(random)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talks_have_every_kind_of_reply_and_no_more_than_the_limits_of_a_phone() {
        let mut random = Rng::with_seed(1);
        let talks = (0..200).map(|_| Talk::draw(&mut random, "+4522123456".to_owned()));
        let talks: Vec<_> = talks.collect();
        let lines = || talks.iter().flat_map(|talk| &talk.lines);
        let is_said = |such: fn(&Says) -> bool| {
            let said = |line: &Line| matches!(line, Line::Says(says, _) if such(says));
            assert!(lines().any(said));
        };
        is_said(|says| matches!(says, Says::Yes("JA")));
        is_said(|says| matches!(says, Says::Chosen(About::Password)));
        is_said(|says| matches!(says, Says::Chosen(About::OtherAccount)));
        is_said(|says| matches!(says, Says::WrongCode));
        is_said(|says| matches!(says, Says::Other("")));
        is_said(|says| matches!(says, Says::Picture));
        is_said(|says| matches!(says, Says::Stop(_)));
        is_said(|says| matches!(says, Says::Start(_)));
        is_said(|says| matches!(says, Says::MarkedHelp));
        for talk in &talks {
            let mails = talk.lines.iter().map(|line| match line {
                Line::Mails(about, _) => about.len(),
                Line::Says(..) => 0,
            });
            // `SMS_PER_NUMBER_PER_HOUR` of `send-verification-sms`.
            assert!(mails.sum::<usize>() <= 5, "{talk:?}");
        }
    }
}

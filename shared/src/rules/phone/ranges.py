#!/usr/bin/env python3
"""Writes ranges.rs from libphonenumber's metadata, after checking the tables against its example numbers and random valid ones.

    python3 -m venv target/ranges && target/ranges/bin/pip install phonenumbers==9.0.43
    target/ranges/bin/python shared/src/phone/ranges.py

Needs Python 3.11. To update: raise the version, run, read the diff.
"""

import collections
import functools
import pathlib
import random
import textwrap
from re import _constants as op, _parser

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, PhoneNumberType

OUTPUT = pathlib.Path(__file__).with_name("ranges.rs")
DEPTH = 8  # national digits
PAID = ("premium_rate", "shared_cost")
ORDINARY = ("fixed_line", "mobile", "toll_free", "voip", "personal_number")
OTHER = ("pager", "uan", "voicemail")
LENGTHS = range(7, 16)  # of a whole number, as `E164` takes them

# Shared numbering plans: what the patterns do not say.
REGIONS_BY_HAND = {
    "76": "KZ",  # assigned to Kazakhstan next to 77, not in use yet
}
# Refused whole, though the metadata has gaps, exceptions or another name for them.
REFUSED_BY_HAND = {
    "1900": "NANP premium rate",
    "449": "United Kingdom: 090, 091, 098 premium rate; the rest of 09 is kept for it",
    "4470": "United Kingdom: personal numbers, priced like premium rate and abused for fraud",
    "44843 44844 44845": "United Kingdom: service charge on top of the call, even where it is zero",
    "44870 44871 44872 44873": "United Kingdom: the same",
    "87": "Inmarsat (870) and the codes once its own or kept for maritime use",
    "991": "trial of international services, closed",
}
# What the metadata does not know as numbers, or not as numbers that are dialled from abroad: prefix, lengths of the whole number.
POSSIBLE_BY_HAND = {
    "451": ({10}, "Denmark has no numbers that begin with 1, so +45 12 34 56 78 is everybody's example"),
}
IMPOSSIBLE_BY_HAND = {
    "13": ({8}, "310-XXXX exists within Canada only; all else in the North American plan has ten digits"),
}

class Pattern:
    """A regular expression of digits as an automaton: what may follow a given prefix."""

    def __init__(self, *sources):
        self.steps, self.skips = [], []  # state -> [(digits, state)], state -> [state]
        self.end = self._state()
        first = self._state()
        for source in filter(None, sources):
            last = self._walk(_parser.parse(source), first)
            self.skips[last].append(self.end)
        self.first = self._close({first})
        self.memo, self.full_memo = {}, {}

    def _state(self):
        self.steps.append([])
        self.skips.append([])
        return len(self.steps) - 1

    def _walk(self, tree, at):
        for kind, value in tree:
            at = self._node(kind, value, at)
        return at

    def _node(self, kind, value, at):
        if kind is op.LITERAL or kind is op.IN:
            to = self._state()
            self.steps[at].append((self._digits(kind, value), to))
            return to
        if kind is op.SUBPATTERN:
            return self._walk(value[3], at)
        if kind is op.BRANCH:
            to = self._state()
            for branch in value[1]:
                self.skips[self._walk(branch, at)].append(to)
            return to
        if kind is op.MAX_REPEAT:
            least, most, body = value
            to = self._state()
            for count in range(most + 1):  # a pattern without an upper bound fails here, as it should
                if count >= least:
                    self.skips[at].append(to)
                if count < most:
                    at = self._walk(body, at)
            return to
        raise ValueError(f"unexpected {kind}")

    @staticmethod
    def _digits(kind, value):
        if kind is op.LITERAL:
            return frozenset(chr(value))
        found = set()
        for part, of in value:
            if part is op.LITERAL:
                found.add(chr(of))
            elif part is op.RANGE:
                found |= {chr(code) for code in range(of[0], of[1] + 1)}
            elif (part, of) == (op.CATEGORY, op.CATEGORY_DIGIT):
                found |= set("0123456789")
            else:
                raise ValueError(f"unexpected {part}")
        return frozenset(found)

    def _close(self, states):
        todo, seen = list(states), set(states)
        while todo:
            for to in self.skips[todo.pop()]:
                if to not in seen:
                    seen.add(to)
                    todo.append(to)
        return frozenset(seen)

    def next(self, states, digit):
        """The states after one more digit; empty: no number goes on like this."""
        if (states, digit) not in self.memo:
            to = {to for at in states for digits, to in self.steps[at] if digit in digits}
            self.memo[states, digit] = self._close(to)
        return self.memo[states, digit]

    def full(self, states):
        """Whether only `\\d` is left."""
        if states not in self.full_memo:
            after = {self.next(states, digit) for digit in "0123456789"}
            self.full_memo[states] = len(after) == 1 and all(not to or self.full(to) for to in after)
        return self.full_memo[states]

    def after(self, digits):
        states = self.first
        for digit in digits:
            states = self.next(states, digit)
        return states

def patterns(region, kinds):
    metadata = PhoneMetadata.metadata_for_region(region)
    found = (getattr(metadata, kind) for kind in kinds)
    return [kind.national_number_pattern for kind in found if kind]

def prefixes(wanted, unwanted, shortest):
    """Prefixes of `wanted` that `unwanted` does not share: as short as can be, or none wider than `wanted`."""

    @functools.cache
    def endings(want, avoid, room):
        if not want or unwanted.end in avoid:  # a whole unwanted number: longer ones cannot be told by prefix
            return ()
        if not avoid and (shortest or not room or wanted.full(want)):
            return ("",)
        digits = "0123456789" if room else ""
        return tuple(
            digit + ending
            for digit in digits
            for ending in endings(wanted.next(want, digit), unwanted.next(avoid, digit), room - 1)
        )

    return merge(set(endings(wanted.first, unwanted.first, DEPTH)))

def merge(found):
    """Ten siblings become their parent; what a shorter prefix covers goes."""
    for length in range(max(map(len, found), default=0), 1, -1):
        for parent in {prefix[:-1] for prefix in found if len(prefix) == length}:
            if all(parent + digit in found for digit in "0123456789"):
                found.add(parent)
    return {prefix for prefix in found if not any(prefix[:end] in found for end in range(1, len(prefix)))}

def leading_digits(region):
    return PhoneMetadata.metadata_for_region(region).leading_digits

@functools.cache
def area_codes(region):
    """Of the North American Numbering Plan."""
    # Neither the United States nor Canada has leading digits. Canada's non-geographic 6xx are its VoIP and personal ones.
    kinds = ("fixed_line", "voip", "personal_number")
    pattern = Pattern(*([leading_digits(region)] if leading_digits(region) else patterns(region, kinds)))
    # The Dominican Republic's `8001` lies inside an area code, and stays with the toll-free numbers there.
    whole = {pattern.end} if leading_digits(region) else set()
    after = {str(code): pattern.after(str(code)) for code in range(200, 1000)}
    return {code for code, states in after.items() if states and states >= whole}

def regions():
    found = dict(REGIONS_BY_HAND)

    def add(prefix, region):
        assert found.setdefault(prefix, region) == region, f"{prefix}: {found[prefix]} or {region}"

    for code, (main, *others) in COUNTRY_CODE_TO_REGION_CODE.items():
        if main == "001":
            continue
        add(str(code), main)
        for rank, region in enumerate(others):
            if code == 1:
                national = area_codes(region) - area_codes(main)
            else:
                earlier = (main, *others[:rank])  # what libphonenumber asks first
                rest = Pattern(*(p for sibling in earlier for p in patterns(sibling, PAID + ORDINARY + OTHER)))
                national = prefixes(Pattern(*patterns(region, ("fixed_line", "mobile", "voip"))), rest, shortest=True)
                if leading_digits(region):
                    national |= prefixes(Pattern(leading_digits(region)), Pattern(), shortest=False)
            for prefix in merge(national):
                add(f"{code}{prefix}", region)
    return found

def refused():
    """The prefixes, and by calling code how many paid ones are left out in favour of ordinary numbers."""
    found = {prefix for group in REFUSED_BY_HAND for prefix in group.split()}
    left_out = {}
    for code, sharing in COUNTRY_CODE_TO_REGION_CODE.items():
        if sharing == ("001",):
            found.add(str(code))
            continue
        paid = Pattern(*(p for region in sharing for p in patterns(region, PAID)))
        ordinary = Pattern(*(p for region in sharing for p in patterns(region, ORDINARY)))
        clear = prefixes(paid, ordinary, shortest=False)
        found |= {f"{code}{prefix}" for prefix in clear}
        missed = [p for prefix in prefixes(paid, Pattern(), shortest=False) for p in beside(prefix, clear)]
        if missed:
            left_out[code] = sorted(missed)
    return merge(found), left_out

def territories(code):
    """The metadata of all regions with this calling code, or of the one service that has it."""
    for region in COUNTRY_CODE_TO_REGION_CODE[code]:
        if region == "001":
            yield PhoneMetadata.metadata_for_nongeo_region(code)
        else:
            yield PhoneMetadata.metadata_for_region(region)

def possible():
    """(calling code, or calling code and 0; lengths of the whole number) to the digits that may come next."""
    found = collections.defaultdict(set)  # prefix with the next digit -> lengths

    def add(code, general):
        pattern = Pattern(general.national_number_pattern)

        @functools.cache
        def lengths(states):
            after = {length + 1 for digit in "0123456789" for length in rest(states, digit)}
            return frozenset(after | {0} if pattern.end in states else after)

        def rest(states, digit):
            to = pattern.next(states, digit)
            return lengths(to) if to else ()

        # After a zero two digits tell: some countries list services under `00`, which must not let a trunk zero pass.
        for start in (*"123456789", *(f"0{digit}" for digit in "0123456789")):
            states = pattern.after(start)
            national = {len(start) + length for length in lengths(states)} if states else set()
            whole = {len(str(code)) + length for length in national & set(general.possible_length)}
            found[f"{code}{start}"] |= whole & set(LENGTHS)

    for code in COUNTRY_CODE_TO_REGION_CODE:
        for region in territories(code):
            add(code, region.general_desc)
    for prefix, (lengths, _) in POSSIBLE_BY_HAND.items():
        assert not lengths & found[prefix], f"{prefix} is not needed by hand"
        found[prefix] |= lengths
    for prefix, (lengths, _) in IMPOSSIBLE_BY_HAND.items():
        assert lengths <= found[prefix], f"{prefix} is not needed by hand"
        found[prefix] -= lengths
    plans = collections.defaultdict(str)
    for prefix, lengths in sorted(found.items()):
        if lengths:
            plans[int(prefix[:-1]), tuple(sorted(lengths))] += prefix[-1]
    return dict(sorted(plans.items(), key=lambda plan: (plan[0][0], plan[1])))

def valid_numbers(code, kind):
    """E.164 digits of numbers that libphonenumber calls valid: its example, and others by chance."""
    pattern, found = Pattern(kind.national_number_pattern), {kind.example_number or ""}
    for _ in range(40):
        states, national = pattern.first, ""
        while len(national) < max(kind.possible_length):
            digits = [digit for digit in "0123456789" if pattern.next(states, digit)]
            if not digits:
                break
            national += random.choice(digits)
            states = pattern.next(states, national[-1])
            if pattern.end in states:
                found.add(national)
    return {f"{code}{national}" for national in found if national and is_valid(code, national)}

def is_valid(code, national):
    zeros = len(national) - len(national.lstrip("0"))
    number = PhoneNumber(code, int(national), italian_leading_zero=zeros > 0, number_of_leading_zeros=zeros or None)
    return phonenumbers.is_valid_number(number)

def verify_possible(plans):
    """Fails if a valid number would be refused."""
    lengths = collections.defaultdict(set)
    for (prefix, whole), following in plans.items():
        for digit in following:
            lengths[f"{prefix}{digit}"] |= set(whole)
    random.seed(1)
    count = 0
    for code in COUNTRY_CODE_TO_REGION_CODE:
        found = set()
        for region in territories(code):
            kinds = (getattr(region, kind) for kind in PAID + ORDINARY + OTHER)
            for kind in filter(lambda kind: kind and kind.national_number_pattern, kinds):
                found |= valid_numbers(code, kind)
        found = {number for number in found if len(number) in LENGTHS}
        assert found, f"+{code} has no valid numbers"
        for number in found:
            fits = any(len(number) in lengths[number[:end]] for end in range(2, 6))
            by_hand, _ = IMPOSSIBLE_BY_HAND.get(longest(number, IMPOSSIBLE_BY_HAND), ((), ""))
            assert fits or len(number) in by_hand, f"{number} is valid"
        count += len(found)
    print(f"{count} valid numbers of {len(COUNTRY_CODE_TO_REGION_CODE)} calling codes are possible")

def beside(prefix, table):
    """The parts of `prefix` that `table` does not cover."""
    if longest(prefix, table):
        return
    if any(entry.startswith(prefix) for entry in table):
        for digit in "0123456789":
            yield from beside(prefix + digit, table)
    else:
        yield prefix

def longest(number, table):
    return next((number[:end] for end in range(len(number), 0, -1) if number[:end] in table), None)

def examples():
    """(region, kind, E.164 digits, libphonenumber's region or None) of every example number."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in PAID + ORDINARY:
            number = phonenumbers.example_number_for_type(region, getattr(PhoneNumberType, kind.upper()))
            if number:
                digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
                yield region, kind, digits, phonenumbers.region_code_for_number(number)

def verify(region_table, refused_table, left_out):
    """Fails on a wrong answer; tells what is right but may surprise."""
    for region, kind, digits, theirs in examples():
        ours = region_table[longest(digits, region_table)]
        stop = longest(digits, refused_table)
        if ours != region and kind in ("fixed_line", "mobile"):
            print(f"{region} {kind} {digits}: {ours}; libphonenumber: {theirs}")
        assert ours == theirs, (region, kind, digits, ours, theirs)
        if kind in PAID and not stop:
            print(f"{region} {kind} {digits}: not refused")
            code = str(phonenumbers.country_code_for_region(region))
            assert longest(digits.removeprefix(code), left_out[int(code)]), digits
        if kind in ORDINARY and stop:
            print(f"{region} {kind} {digits}: refused by {stop}")
            assert any(stop in by_hand.split() for by_hand in REFUSED_BY_HAND), digits

def rows(items):
    return textwrap.fill(" ".join(items), 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)

TEMPLATE = r"""//! Number ranges: which E.164 numbers are possible, their regions, and ranges that cost the caller extra.
//!
//! Generated by `ranges.py` (beside this file; it says how) from the metadata of libphonenumber @VERSION@, Apache-2.0,
//! <https://github.com/google/libphonenumber>. Linking that library instead would cost its first parse at every start.
//!
//! Limits:
//! * A range that regions share goes to the one libphonenumber asks first, mostly the main country: mobiles of Svalbard
//!   are `NO`, of Åland `FI`, of the Vatican `IT`, of Saint Barthélemy and Saint Martin `GP`, of the Cocos and Christmas
//!   Islands `AU`, some of the Isle of Man `GB`; all of Western Sahara is `MA`.
//! * `XK` (Kosovo), `AC` (Ascension) and `TA` (Tristan da Cunha) are libphonenumber's; ISO 3166 only reserves them.
//! * Possible is what has a length and a first digit of its calling code: most possible numbers are not assigned. Numbers that
//!   are new to a country's plan are impossible until this file is written anew.
//! * Paid numbers that ordinary ones of another length begin like are not refused:
//!   @LEFT_OUT@.
//!   Nor is exchange 976 of most North American area codes.

use super::plan::Plan;

/// By calling code, or calling code and 0: the digits that may come next, and how many digits the whole number has then. Sorted by
/// the first; what is not listed is impossible.
///
/// From the metadata (all kinds of numbers of all regions with the code), and by hand:
@POSSIBLE_BY_HAND@
#[rustfmt::skip]
pub(super) static POSSIBLE: &[Plan] = &[
@POSSIBLE@
];

/// E.164 digits to ISO 3166 region; the longest prefix wins. Sorted by prefix. Non-geographic codes have none.
///
/// Under `1` only area codes outside the United States are listed, so that toll-free and test numbers are `US`.
#[rustfmt::skip]
pub(super) static REGIONS: &[(&str, &str)] = &[
@REGIONS@
];

/// E.164 digits of premium-rate and shared-cost ranges, and of every non-geographic code (satellite, international
/// free-phone and the like). Sorted; none is a prefix of another.
///
/// From the metadata, and by hand:
@BY_HAND@
#[rustfmt::skip]
pub(super) static REFUSED: &[&str] = &[
@REFUSED@
];

#[cfg(test)]
mod tests {
    use super::{POSSIBLE, REFUSED, REGIONS};

    #[test]
    fn sorted_for_binary_search() {
        assert!(POSSIBLE.is_sorted_by_key(|plan| plan.prefix));
        assert!(REGIONS.is_sorted_by(|(a, _), (b, _)| a < b));
        assert!(REFUSED.is_sorted_by(|a, b| a < b && !b.starts_with(a)));
    }

    #[test]
    fn ranges_of_known_numbers() {
        for (number, region, refused) in [
            ("12025550123", Some("US"), false),
            ("15005550006", Some("US"), false), // Twilio's test number
            ("18005550100", Some("US"), false),
            ("19005550100", Some("US"), true),
            ("12045550100", Some("CA"), false),
            ("16045550100", Some("CA"), false),
            ("18765550100", Some("JM"), false),
            ("16585550100", Some("JM"), false),
            ("18095550100", Some("DO"), false),
            ("17875550100", Some("PR"), false),
            ("4520123456", Some("DK"), false),
            ("4590123456", Some("DK"), true),
            ("447400123456", Some("GB"), false),
            ("441481256789", Some("GG"), false),
            ("447781123456", Some("GG"), false),
            ("447797712345", Some("JE"), false),
            ("447624512345", Some("IM"), false),
            ("447012345678", Some("GB"), true),
            ("448431234567", Some("GB"), true),
            ("449098765432", Some("GB"), true),
            ("79123456789", Some("RU"), false),
            ("77710009998", Some("KZ"), false),
            ("390669812345", Some("VA"), false),
            ("393123456789", Some("IT"), false),
            ("4779123456", Some("SJ"), false),
            ("262639012345", Some("YT"), false),
            ("4915123456789", Some("DE"), false),
            ("499001234567", Some("DE"), true),
            ("5491123456789", Some("AR"), false),
            ("80012345678", None, true),
            ("870773111632", None, true),
            ("881612345678", None, true),
            ("88213123456", None, true),
            ("979123456789", None, true),
            ("21012345678", None, false), // not assigned
        ] {
            let fits = REGIONS.iter().filter(|(p, _)| number.starts_with(p));
            let longest = fits.max_by_key(|(p, _)| p.len());
            assert_eq!(longest.map(|(_, region)| *region), region, "{number}");
            let stopped = REFUSED.iter().any(|p| number.starts_with(p));
            assert_eq!(stopped, refused, "{number}");
        }
    }
}
"""

def main():
    region_table = regions()
    refused_table, left_out = refused()
    plans = possible()
    verify(region_table, refused_table, left_out)
    verify_possible(plans)
    missed = sorted(
        f"+{code} {', '.join(found) if len(found) < 5 else f'({len(found)} ranges)'}" for code, found in left_out.items()
    )
    pairs = (f'("{prefix}",\xa0"{region}"),' for prefix, region in sorted(region_table.items()))
    lines = (
        f'Plan::new({prefix}, "{following}", &{list(lengths)}),'.replace(" ", "\xa0")
        for (prefix, lengths), following in plans.items()
    )
    values = {
        "VERSION": phonenumbers.__version__,
        "LEFT_OUT": textwrap.fill("; ".join(missed), 112).replace("\n", "\n//!   "),
        "REGIONS": rows(pairs).replace("\xa0", " "),
        "REFUSED": rows(f'"{prefix}",' for prefix in sorted(refused_table)),
        "POSSIBLE": rows(lines).replace("\xa0", " "),
        "POSSIBLE_BY_HAND": "\n".join(
            f"/// * `{prefix}`, {verb} {' or '.join(map(str, sorted(lengths)))} digits: {why}"
            for verb, table in (("also", POSSIBLE_BY_HAND), ("not", IMPOSSIBLE_BY_HAND))
            for prefix, (lengths, why) in table.items()
        ),
        "BY_HAND": "\n".join(
            f"/// * {', '.join(f'`{p}`' for p in prefixes.split())}: {why}" for prefixes, why in REFUSED_BY_HAND.items()
        ),
    }
    text = TEMPLATE
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    OUTPUT.write_text(text)
    print(f"{len(plans)} plans, {len(region_table)} prefixes with a region, {len(refused_table)} refused")
    print(f"{OUTPUT.stat().st_size} bytes of source")

if __name__ == "__main__":
    main()

//! Changes to an input that know what it is made of: JSON, headers, a path and a moment.

use serde_json::Value;

use super::input::Input;

/// Numbers that look random, from a seed: SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// A number below a limit; zero where there is none.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

/// The words that senders use: names of members, of headers and of events.
pub(super) struct Words {
    members: Vec<String>,
    headers: Vec<String>,
    values: Vec<Value>,
}

impl Words {
    pub(super) fn of(inputs: &[Input]) -> Words {
        let mut words = Words { members: Vec::new(), headers: Vec::new(), values: Vec::new() };
        for input in inputs {
            for (name, _) in &input.headers {
                words.headers.push(name.clone());
            }
            if let Ok(value) = serde_json::from_slice::<Value>(&input.body) {
                words.collect(&value);
            }
        }
        words
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    self.members.push(name.clone());
                    // The secret of those that write it into the body stays where it is.
                    if name != "secret" {
                        self.values.push(value.clone());
                        self.collect(value);
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Changes an input in one way or a few.
pub(super) fn change(input: &mut Input, pool: &[Input], words: &Words, random: &mut Random) {
    for _ in 0..=random.below(4) {
        match random.below(12) {
            0..=4 => json(input, words, random),
            5 | 6 => input.body = bytes(&input.body, random),
            7 | 8 => header(input, words, random),
            9 => path(input, pool, random),
            10 => moment(input, random),
            _ => whole(input, pool, random),
        }
    }
}

fn json(input: &mut Input, words: &Words, random: &mut Random) {
    let Ok(mut value) = serde_json::from_slice::<Value>(&input.body) else { return };
    node(&mut value, words, random, 0);
    input.body = value.to_string().into_bytes();
    if random.one_in(40) {
        // Deeper than any parser should follow.
        let (open, close) = if random.one_in(2) { ("[", "]") } else { ("{\"a\":", "}") };
        let depth = 100 + random.below(60);
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        let text = value.to_string();
        input.body = text.replacen(':', &format!(":{deep},\"event\":"), 1).into_bytes();
    }
}

fn node(value: &mut Value, words: &Words, random: &mut Random, depth: usize) {
    let deeper = !random.one_in(3) && depth < 8;
    if !deeper {
        *value = new_value(words, random);
    } else if let Value::Object(members) = value
        && !members.is_empty()
    {
        let at = random.below(members.len());
        let name = members.keys().nth(at).cloned().unwrap_or_default();
        match random.below(8) {
            0 => drop(members.remove(&name)),
            1 => {
                let taken = members.remove(&name).unwrap_or_default();
                members.insert(random.of(&words.members).clone(), taken);
            }
            2 => drop(members.insert(random.of(&words.members).clone(), random.of(&words.values).clone())),
            _ => node(&mut members[&name], words, random, depth + 1),
        }
    } else if let Value::Array(values) = value
        && !values.is_empty()
    {
        let at = random.below(values.len());
        match random.below(6) {
            0 => drop(values.remove(at)),
            1 => values.push(values[at].clone()),
            _ => node(&mut values[at], words, random, depth + 1),
        }
    } else if let Value::String(text) = value {
        *text = changed_text(text, random);
    } else {
        *value = new_value(words, random);
    }
}

fn new_value(words: &Words, random: &mut Random) -> Value {
    match random.below(12) {
        0 => Value::Null,
        1 => Value::from(random.one_in(2)),
        2 => Value::from(*random.of(&[0, -1, 1, i64::MAX, i64::MIN, 1_769_846_400, 253_402_300_800_000])),
        3 => Value::from(*random.of(&[0.5, -0.0, 1e308, 5e-324, 1e19])),
        4 => Value::from(u64::MAX),
        5 => Value::from(""),
        6 => Value::from("x".repeat(random.below(3000))),
        7 => Value::from("9999-12-31T23:59:59.999999999+23:59"),
        8 => Value::Array(vec![random.of(&words.values).clone(); random.below(4)]),
        9 => Value::Object(
            [(random.of(&words.members).clone(), random.of(&words.values).clone())].into_iter().collect(),
        ),
        _ => random.of(&words.values).clone(),
    }
}

fn changed_text(text: &str, random: &mut Random) -> String {
    const ODD: [&str; 16] = [
        "",
        " ",
        "\u{0}",
        "\n",
        "\u{2028}",
        "é",
        "😀",
        "%",
        "%00",
        "+",
        "=",
        ",",
        "\"",
        "\\",
        "..",
        "-0001-01-01T00:00:00Z",
    ];
    let characters: Vec<char> = text.chars().collect();
    let at = random.below(characters.len() + 1);
    let until = (at + random.below(4)).min(characters.len());
    let (before, after): (String, String) =
        (characters[..at].iter().collect(), characters[until..].iter().collect());
    match random.below(5) {
        0 => before,
        1 => text.to_uppercase(),
        2 => text.repeat(2),
        _ => format!("{before}{}{after}", random.of(&ODD)),
    }
}

pub(super) fn bytes(body: &[u8], random: &mut Random) -> Vec<u8> {
    let at = random.below(body.len() + 1);
    let until = (at + random.below(20)).min(body.len());
    let (before, within, after) = (&body[..at], &body[at..until], &body[until..]);
    match random.below(7) {
        0 => before.to_vec(),
        1 => [before, after].concat(),
        2 => [before, within, within, after].concat(),
        3 => [before, &[u8::try_from(random.below(256)).unwrap_or(0)], within, after].concat(),
        4 => [before, b"\r\n", within, after].concat(),
        5 => [b"\xef\xbb\xbf", body].concat(),
        _ => {
            let mut changed = body.to_vec();
            if let Some(byte) = changed.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
            changed
        }
    }
}

fn header(input: &mut Input, words: &Words, random: &mut Random) {
    let at = random.below(input.headers.len());
    let Some((name, value)) = input.headers.get(at).cloned() else { return };
    match random.below(8) {
        0 => drop(input.headers.remove(at)),
        1 => input.headers.push((name, value)),
        2 => input.headers.push((name, changed_text(&value, random))),
        3 => input.headers[at].0 = random.of(&words.headers).clone(),
        4 => input.headers[at].1 = format!("{value}, {value}"),
        5 => {
            let numbers = ["0", "-1", "99999999999999999999", "1769846400", "1769846400000", "1e3", ""];
            let number: String = value.chars().filter(char::is_ascii_digit).take(13).collect();
            if !number.is_empty() {
                input.headers[at].1 = value.replacen(&number, numbers[random.below(numbers.len())], 1);
            }
        }
        _ => input.headers[at].1 = changed_text(&value, random),
    }
}

fn path(input: &mut Input, pool: &[Input], random: &mut Random) {
    let other = random.of(pool).path.clone();
    let own = input.path.clone();
    input.path = match random.below(9) {
        0..=2 => "/api/webhook".to_owned(),
        3 => other,
        4 => format!("{own}?token=custom+token&event=entry.published"),
        5 => format!("{own}/"),
        6 => format!("{own}/seo"),
        7 => own.replacen("/api", "", 1),
        _ => changed_text(&own, random),
    };
    if random.one_in(20) {
        input.method = (*random.of(&["GET", "PUT", "POST", "OPTIONS", "X"])).to_owned();
    }
}

fn moment(input: &mut Input, random: &mut Random) {
    let off = *random.of(&[1, 999, 29_999, 30_000, 60_001, 300_000, 300_001, 86_400_000, i64::MAX, 0]);
    input.now = if random.one_in(2) { input.now.saturating_add(off) } else { input.now.saturating_sub(off) };
}

fn whole(input: &mut Input, pool: &[Input], random: &mut Random) {
    let other = random.of(pool);
    match random.below(4) {
        0 => input.body.clone_from(&other.body),
        1 => input.headers.clone_from(&other.headers),
        2 => input.headers.extend(other.headers.clone()),
        _ => input.profile = other.profile,
    }
}

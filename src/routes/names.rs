//! Names in messages about rules: those that there are, and the one that was probably meant.

/// The name of a field as far as it is fit to be shown.
pub(super) fn shown(name: &str) -> String {
    if name.contains("://") {
        "…".to_owned()
    } else {
        name.chars().take(40).flat_map(char::escape_debug).collect()
    }
}

/// Names, as they stand in a sentence; not more than a person reads.
pub(super) fn list(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = names.iter().take(MOST).map(|it| format!("`{it}`")).collect();
    let more = if names.len() > MOST { " and others" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A question after the known name that is nearest to a text, if one is near.
pub(super) fn nearest<'n>(text: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    const LONGEST: usize = 40;
    let text = text.to_ascii_lowercase();
    let near = (text.len() / 2).clamp(1, 3);
    let distances = known.filter(|_| text.len() <= LONGEST).map(|name| (distance(&text, name), name));
    let (_, name) = distances.filter(|(distance, _)| *distance <= near).min()?;
    Some(format!("is `{name}` meant?"))
}

/// How many letters must be changed, added or removed to make one text the other (Levenshtein).
pub fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (at, letter) in one.chars().enumerate() {
        let (mut diagonal, mut left) = (at, at.saturating_add(1));
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, other) in cells.zip(other.chars()) {
            let changed = diagonal.saturating_add(usize::from(letter != other));
            diagonal = *cell;
            left = changed.min(left.saturating_add(1)).min(cell.saturating_add(1));
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

//! SQLite's log beside the database, `…-wal`: whether something was committed in it that can no longer be read. SQLite
//! replays it up to the first piece that is damaged and says nothing of the rest
//! (<https://www.sqlite.org/fileformat2.html#walformat>).

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Two running sums over whole words.
type Sums = (u32, u32);

/// What of a log will not be replayed though it was committed, in words; nothing where it is whole, or there is none.
pub(super) fn lost(file: &Path) -> io::Result<Option<String>> {
    let file = match File::open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let size = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut header = [0; HEADER];
    if size == 0 || !filled(&mut file, &mut header)? {
        return Ok(None);
    }
    let whole = "its log `…-wal` is damaged at the beginning, so that nothing in it can be read";
    let big_endian = match word(&header, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return Ok(Some(whole.to_owned())),
    };
    let page = usize::try_from(word(&header, 8)).unwrap_or_default();
    let (summed, sums) = header.split_at(24);
    let mut running = add((0, 0), summed, big_endian);
    if running != (word(sums, 0), word(sums, 4)) || !page.is_power_of_two() || page > 65_536 {
        return Ok(Some(whole.to_owned()));
    }
    let salts = (word(&header, 16), word(&header, 20));
    let mut frame = vec![0; FRAME_HEADER.saturating_add(page)];
    let (mut is_good, mut lost) = (true, 0_u64);
    while filled(&mut file, &mut frame)? {
        let (about, content) = frame.split_at(FRAME_HEADER);
        if (word(about, 8), word(about, 12)) != salts {
            // Of an earlier round: the log is written over from its beginning.
            if is_good {
                return Ok(None);
            }
            continue;
        }
        let (numbers, _) = about.split_at(8);
        running = add(add(running, numbers, big_endian), content, big_endian);
        is_good &= running == (word(about, 16), word(about, 20));
        // The last piece of what was committed together tells how many pages there are then.
        if !is_good && word(about, 4) != 0 {
            lost = lost.saturating_add(1);
        }
    }
    // What was being written when the machine lost its power was not acknowledged: it is the last, if there is any.
    Ok((lost > 1).then(|| {
        format!(
            "its log `…-wal` is damaged, so that the last {lost} things that were stored in it cannot be read"
        )
    }))
}

fn filled(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

/// The number at a place, its highest byte first.
fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|it| it.first_chunk());
    four.map_or(0, |it| u32::from_be_bytes(*it))
}

fn add(sums: Sums, bytes: &[u8], big_endian: bool) -> Sums {
    let read = if big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let (pairs, _) = bytes.as_chunks::<8>();
    pairs.iter().fold(sums, |(one, two), [a, b, c, d, e, f, g, h]| {
        let one = one.wrapping_add(read([*a, *b, *c, *d])).wrapping_add(two);
        (one, two.wrapping_add(read([*e, *f, *g, *h])).wrapping_add(one))
    })
}

//! What a program prints: its lines, one by one, and its end. Memory for it is bounded, whatever is printed.

use crate::program::Exit;

/// The longest line that is handed on whole, in bytes; the rest of a longer one is left out.
const MOST_LINE: usize = 4 * 1024;
/// What stands for the rest.
const CUT: char = '…';

/// What was printed so far.
pub(super) struct Output<L> {
    line: L,
    /// The line that has begun, as far as it is handed on.
    begun: Vec<u8>,
    /// Whether the line that has begun is too long, and was handed on without its rest.
    cut: bool,
    /// The last that was printed, and a little before it.
    tail: Vec<u8>,
    /// Whether anything came before that.
    longer: bool,
}

impl<L: FnMut(&str)> Output<L> {
    pub(super) fn new(line: L) -> Output<L> {
        Output { line, begun: Vec::new(), cut: false, tail: Vec::new(), longer: false }
    }

    /// Takes what was printed next.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
        let before = self.tail.len().saturating_sub(Exit::MOST_PRINTED);
        self.longer |= before > 0;
        self.tail.drain(..before);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = MOST_LINE.saturating_sub(self.begun.len());
            self.begun.extend(text.iter().take(room));
            if text.len() > room && !self.cut {
                self.cut = true;
                self.tell();
            }
            if ends {
                self.end_line();
            }
        }
    }

    /// The last that was printed; what stands in a line that was not ended is handed on.
    pub(super) fn finish(mut self) -> String {
        if !self.begun.is_empty() {
            self.end_line();
        }
        let begins = |byte: &u8| !matches!(byte, 0x80..=0xBF);
        // The first character may have lost its beginning; of its bytes at most three are left.
        let at = self.tail.iter().take(4).position(begins).filter(|_| self.longer).unwrap_or_default();
        let mut printed = clean(self.tail.get(at..).unwrap_or_default(), |it| matches!(it, '\t' | '\n'));
        // What stands for bytes that are no text is longer than they were.
        let before = printed.ceil_char_boundary(printed.len().saturating_sub(Exit::MOST_PRINTED));
        printed.drain(..before);
        printed
    }

    fn end_line(&mut self) {
        if !self.cut {
            self.tell();
        }
        self.cut = false;
        self.begun.clear();
    }

    fn tell(&mut self) {
        if self.cut
            && let Err(error) = str::from_utf8(&self.begun)
            && error.error_len().is_none()
        {
            // It was cut within a character.
            self.begun.truncate(error.valid_up_to());
        }
        let mut text = clean(&self.begun, |it| it == '\t');
        text.extend(self.cut.then_some(CUT));
        (self.line)(&text);
    }
}

/// A text from bytes: what is no text is replaced, control characters are left out unless they may stay.
fn clean(bytes: &[u8], stays: impl Fn(char) -> bool) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|it| stays(*it) || !it.is_control()).collect()
}

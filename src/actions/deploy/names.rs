//! What can be the name of a repository, of a branch, or a token: for the settings of everything that asks for builds or
//! commits. Each gives nothing where a text can be one, else what it must be.

/// Nothing where a text can name a repository.
pub(super) fn repository(text: &str) -> Option<&'static str> {
    let right = are_names(text) && text.split('/').count() == 2 && !text.ends_with(".git");
    (!right).then_some("`owner/name`, the end of the repository's address, without `.git`")
}

/// Nothing where a text can name a project of GitLab's, whose groups may be in groups.
pub(super) fn project(text: &str) -> Option<&'static str> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    let right = is_number || (are_names(text) && text.contains('/'));
    (!right).then_some("the project's path, as in `group/name`, or its number")
}

/// Whether all that stands between the slashes can be a name.
fn are_names(text: &str) -> bool {
    let known = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    text.split('/').all(|it| !matches!(it, "" | "." | "..") && it.bytes().all(known))
}

/// Nothing where a text can be a token.
pub(super) fn token(text: &str) -> Option<&'static str> {
    let right = text.bytes().all(|it| it.is_ascii_graphic());
    (!right).then_some("a token as the site shows it, without spaces or line breaks")
}

/// Nothing where a text can be the name of a branch or a tag.
pub(super) fn reference(text: &str) -> Option<&'static str> {
    let known = |it: char| !it.is_control() && !it.is_whitespace() && !"~^:?*[\\".contains(it);
    let right = text.chars().all(known) && !text.starts_with(['-', '/']) && !text.contains("..");
    (!right).then_some("the name of a branch or a tag, as in `main`")
}

/// Nothing where a text can be a branch's name (`git check-ref-format`).
pub(super) fn branch(text: &str) -> Option<&'static str> {
    let known = |it: char| !it.is_control() && !it.is_whitespace() && !"~^:?*[\\".contains(it);
    let part =
        |it: &str| !it.is_empty() && !it.starts_with('.') && !it.ends_with(".lock") && !it.ends_with('.');
    let right = text.chars().all(known)
        && text.split('/').all(part)
        && !text.contains("..")
        && !text.contains("@{")
        && !text.starts_with('-')
        && !text.starts_with("refs/");
    (!right).then_some("the name of a branch, as in `main`, without `refs/heads/`")
}

//! What somebody types, as something to do.

use streambro_core::{Edit, Item, ItemId};

/// What can be typed.
pub const HELP: &str = "\
add FILE         adds a file behind all others
insert N FILE    adds a file before item N
remove N         takes item N away
move N M         moves item N before item M; `move N end` behind all others
cue N            lets item N play next
jump N           ends what plays now, and goes on with item N
skip             ends what plays now
list, log        shows what is in the list, or what became of it
off LEG, on LEG  lets a destination rest, or puts it on the air again
rotate LEG       makes the connection of a destination anew
help, quit";

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Changes the list.
    Edit(Edit),
    /// Shows what is in it.
    List,
    /// Shows what became of it.
    Log,
    /// Lets a destination rest.
    Off(usize),
    /// Puts it on the air again.
    On(usize),
    /// Makes its connection anew.
    Rotate(usize),
    /// Shows what can be typed.
    Help,
    /// Ends the program.
    Quit,
}

/// Understands a line.
///
/// # Errors
/// What is the matter with it, for whoever typed it.
pub fn parse(line: &str) -> Result<Command, String> {
    let (word, rest) = split(line.trim());
    let command = match word {
        "add" => Command::Edit(Edit::Append(file(rest)?)),
        "insert" => {
            let (before, path) = split(rest);
            Command::Edit(Edit::Insert { before: item(before)?, item: file(path)? })
        }
        "move" => {
            let (id, before) = split(rest);
            let before = if before == "end" { None } else { Some(item(before)?) };
            Command::Edit(Edit::Move { id: item(id)?, before })
        }
        "remove" => Command::Edit(Edit::Remove(item(rest)?)),
        "cue" => Command::Edit(Edit::Cue(item(rest)?)),
        "jump" => Command::Edit(Edit::Jump(item(rest)?)),
        "off" => Command::Off(leg(rest)?),
        "on" => Command::On(leg(rest)?),
        "rotate" => Command::Rotate(leg(rest)?),
        _ if !rest.is_empty() => {
            return Err(format!("there is no `{word}` with something behind it: try help"));
        }
        "skip" => Command::Edit(Edit::Skip),
        "list" => Command::List,
        "log" => Command::Log,
        "help" => Command::Help,
        "quit" => Command::Quit,
        _ => return Err(format!("there is no `{word}`: try help")),
    };
    Ok(command)
}

/// The first word, and the rest: a path may have spaces.
fn split(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

fn file(path: &str) -> Result<Item, String> {
    if path.is_empty() { Err("which file?".to_owned()) } else { Ok(Item::file(path)) }
}

fn item(text: &str) -> Result<ItemId, String> {
    text.parse().map(ItemId).map_err(|_| format!("`{text}` is no item: give a number that `list` shows"))
}

fn leg(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is no destination: the first one is 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_understood_whatever_the_spaces() {
        let edits = [
            ("add a b.mp4", Edit::Append("a b.mp4".into())),
            ("  insert 3   a b.mp4 ", Edit::Insert { before: ItemId(3), item: "a b.mp4".into() }),
            ("remove 7", Edit::Remove(ItemId(7))),
            ("move 1 2", Edit::Move { id: ItemId(1), before: Some(ItemId(2)) }),
            ("move 1 end", Edit::Move { id: ItemId(1), before: None }),
            ("cue\t4", Edit::Cue(ItemId(4))),
            ("jump 18446744073709551615", Edit::Jump(ItemId(u64::MAX))),
            ("skip", Edit::Skip),
        ];
        for (line, edit) in edits {
            assert_eq!(parse(line), Ok(Command::Edit(edit)), "{line}");
        }
        let others = [
            ("list", Command::List),
            ("log\n", Command::Log),
            ("off 0", Command::Off(0)),
            ("on 1", Command::On(1)),
            ("rotate 31", Command::Rotate(31)),
            ("help", Command::Help),
            ("quit", Command::Quit),
        ];
        for (line, command) in others {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let lines = [
            ("play", "`play`"),
            ("add", "which file"),
            ("insert 3", "which file"),
            ("insert a.mp4", "`a.mp4`"),
            ("remove", "``"),
            ("remove -1", "`-1`"),
            ("move 1", "``"),
            ("move 1 2 3", "`2 3`"),
            ("jump 18446744073709551616", "`18446744073709551616`"),
            ("off first", "`first`"),
            ("skip 3", "`skip`"),
            ("quit now", "`quit`"),
        ];
        for (line, named) in lines {
            let why = parse(line).unwrap_err();
            assert!(why.contains(named), "{line}: {why}");
        }
    }

    #[test]
    fn the_help_names_every_command() {
        let words = "add insert remove move cue jump skip list log off on rotate help quit";
        let named: Vec<_> = HELP.split(|c: char| !c.is_ascii_lowercase()).collect();
        assert!(words.split(' ').all(|word| named.contains(&word)));
    }
}

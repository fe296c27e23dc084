//! The help as it is printed: changing it is a visible difference.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::*;

#[test]
fn help_is_as_pinned() {
    let mut text = String::new();
    let mut command = Cli::command().term_width(100);
    command.build();

    write_help(&mut command, &mut text);

    insta::assert_snapshot!("help", text);
}

#[test]
fn command_line_is_consistent() {
    Cli::command().debug_assert();
}

fn write_help(command: &mut clap::Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or("varco").to_owned();
    let help = command.render_long_help();
    let _ = writeln!(text, "$ {name} --help\n{help}");
    for child in command
        .get_subcommands_mut()
        .filter(|child| child.get_name() != "help")
    {
        write_help(child, text);
    }
}

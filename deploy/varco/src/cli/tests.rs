//! The help as it is printed: changing it is a visible difference.

use std::fmt::Write as _;

use clap::CommandFactory as _;
use clap::error::ErrorKind;

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

#[test]
fn thumbprint_that_begins_with_a_hyphen_is_no_option() {
    let kid = "-7wM6atasp4Lq0hGjkgjVJ5qrAQ0Ib4Uqpb7U_HIEoQ";
    let told = |args: &[&str]| Cli::try_parse_from([&["varco"], args].concat());

    for verb in ["get", "describe", "archive", "suspend"] {
        assert!(told(&[verb, "key", kid]).is_ok(), "{verb}");
    }
    let (help, misspelled) = (
        told(&["get", "key", "-h"]),
        told(&["get", "key", "--newst"]),
    );
    assert_eq!(help.unwrap_err().kind(), ErrorKind::DisplayHelp);
    let error = misspelled.unwrap_err().to_string();
    let said = "'--newst' for '[ID]': is neither an option of this command nor";
    assert!(error.contains(said), "{error}");
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

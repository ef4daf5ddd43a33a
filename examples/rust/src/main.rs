//! Answers with the message, backwards. A native agent is a new process for each message: the message is its
//! standard input, and what it prints is the reply.
use std::io::{self, Read};

fn main() -> io::Result<()> {
    let mut message = String::new();
    io::stdin().read_to_string(&mut message)?;
    println!("{}", message.trim_end().chars().rev().collect::<String>());
    Ok(())
}

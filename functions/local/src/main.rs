//! `cargo run`: mcp-steward on this machine, with everything it needs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to whoever started it"
)]

use std::{net::IpAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use local::{
    ahead::Ahead,
    demo,
    stack::{Failure, Options, Stack},
};
use tokio::signal::unix::{SignalKind, signal};

/// Runs mcp-steward on this machine: the API, its schedule, an embedded DynamoDB and a Secrets Manager.
#[derive(Parser)]
#[command(name = "local")]
struct Arguments {
    /// Print one line of JSON when ready, for programs.
    #[arg(long)]
    json: bool,
    /// Demo tenants to have, each with its keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    tenants: usize,
    /// Port of the API; DynamoDB and Secrets Manager take the two above it. 0 takes any three that are free.
    #[arg(long, value_name = "P", default_value_t = 3000)]
    port: u16,
    /// Folder to keep the data in.
    #[arg(long, value_name = "DIR", default_value = ".local")]
    data: PathBuf,
    /// Keep nothing.
    #[arg(long, conflicts_with = "data")]
    in_memory: bool,
    /// Seconds between two runs of what runs each minute.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    tick: f64,
    /// Address that DynamoDB and Secrets Manager listen on, where containers reach them.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Refuse plain http and private addresses, as in the cloud.
    #[arg(long)]
    strict: bool,
    /// Let connections ask that their server's certificate is not verified.
    #[arg(long)]
    allow_insecure_tls: bool,
    /// Live so many seconds ahead of the system's clock.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    ahead: u32,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.05..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number from 0.05 to 3600".to_owned()),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    // Standard output belongs to what is printed here; the functions' log goes beside it.
    functions::log::redirect(|line| eprint!("{}", String::from_utf8_lossy(line)));
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;

    let stack = Stack::start(Options {
        port: arguments.port,
        bind: arguments.bind,
        data: (!arguments.in_memory).then_some(arguments.data),
        tenants: arguments.tenants,
        tick: Some(Duration::from_secs_f64(arguments.tick)),
        demo_server: true,
        strict: arguments.strict,
        insecure_tls: arguments.allow_insecure_tls,
        clock: Arc::new(Ahead(arguments.ahead)),
        ..Options::default()
    })
    .await?;
    if arguments.json {
        println!("{}", stack.ready_line());
    } else {
        println!("{}", demo::welcome(&stack));
    }

    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    stack.stop().await;
    Ok(())
}

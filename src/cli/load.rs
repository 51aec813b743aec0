//! `tidegate load`: measure a running daemon.

use crate::load::{self, LoadPlan, LoadReport, Mode, Until};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Args, Debug)]
pub struct LoadArgs {
    /// Partner listener of the daemon
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The partner's bearer key
    #[arg(long, conflicts_with = "key_file")]
    key: Option<String>,
    /// File that holds the partner's bearer key
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Connections of the client, each with one request under way
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Threads of the client
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// What a request carries
    #[arg(long, value_enum, default_value_t = ModeArg::Single)]
    mode: ModeArg,
    /// Prices in a request, in batch mode
    #[arg(long, default_value_t = 1000)]
    batch: usize,
    /// Ask for replies of counts only, in batch mode
    #[arg(long)]
    minimal: bool,
    /// Length of each leg; 0: only load assets
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Open loop: requests per second, latency from the intended send time
    #[arg(long)]
    rate: Option<f64>,
    /// Assets whose prices are pushed
    #[arg(long, default_value_t = 1_000_000)]
    assets: u64,
    /// Create the assets first
    #[arg(long)]
    load_assets: bool,
    /// Pairs of legs, sink and daemon; 0: one leg without a sink
    #[arg(long, default_value_t = 5)]
    pairs: u32,
    /// In place of the sink: pairs of the daemon alone, and with so many idle change streams open
    #[arg(long, default_value_t = 0, value_name = "STREAMS")]
    idle_streams: usize,
    /// Read back at most so many acknowledged prices (default: all; 0: none)
    #[arg(long)]
    verify: Option<u64>,
    /// Which assets and amounts are drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the report as JSON: into this file, or without one to standard output in place of the table
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    /// Serve only the bare sink here: a load against it shows how exact the ratio is
    #[arg(long, value_name = "ADDRESS")]
    serve_sink: Option<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeArg {
    /// One price a request
    Single,
    /// Many prices a request
    Batch,
}

/// Measures, prints the table, and fails if an acknowledged price is not what is read.
pub async fn run(args: LoadArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(address) = args.serve_sink {
        let listener = tokio::net::TcpListener::bind(address).await.context("cannot listen")?;
        load::serve(listener, args.mode()).await;
        return Ok(ExitCode::SUCCESS);
    }
    let report = load::run(&args.plan()?).await?;
    match &args.json {
        Some(path) if path.as_os_str() == "-" => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        Some(path) => {
            write!(out, "{report}")?;
            write_json(path, &report).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => write!(out, "{report}")?,
    }
    if report.legs.iter().any(|leg| leg.requests == 0) {
        bail!("a leg passed without one answered request");
    }
    if !report.verified() {
        bail!("acknowledged prices are not what is read");
    }
    Ok(ExitCode::SUCCESS)
}

impl LoadArgs {
    fn plan(&self) -> anyhow::Result<LoadPlan> {
        let seconds = Duration::try_from_secs_f64(self.seconds).context("--seconds is no length of time")?;
        Ok(LoadPlan {
            url: self.url.clone(),
            key: self.key()?,
            connections: self.connections,
            threads: self.threads,
            mode: self.mode(),
            until: Until::Elapsed(seconds),
            rate: self.rate,
            assets: self.assets,
            load_assets: self.load_assets,
            pairs: self.pairs,
            idle_streams: self.idle_streams,
            verify: self.verify,
            seed: self.seed,
            say: |line| eprintln!("{line}"),
        })
    }

    fn mode(&self) -> Mode {
        match self.mode {
            ModeArg::Single => Mode::Single,
            ModeArg::Batch => Mode::Batch { items: self.batch, minimal: self.minimal },
        }
    }

    fn key(&self) -> anyhow::Result<String> {
        match (&self.key, &self.key_file) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                Ok(text.trim().to_owned())
            }
            (None, None) => bail!("--key or --key-file is needed"),
        }
    }
}

fn write_json(path: &std::path::Path, report: &LoadReport) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(std::fs::write(path, text)?)
}

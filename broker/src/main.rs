//! The binary `iotda-broker`. Everything is in the library; see `cli`.

fn main() -> std::process::ExitCode {
    iotda_broker::cli::run()
}

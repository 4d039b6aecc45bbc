//! The least that a function on `lambda_http` can cost: it answers `{}`. `tests/bench/bench.py` shows ours next to it.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(service_fn(answer)))
}

async fn answer(_: Request) -> Result<Response<Body>, Error> {
    let response = Response::builder().header("content-type", "application/json");
    Ok(response.body(Body::from("{}"))?)
}

//! Tokens are renewed before they expire, once, and a refusal for good is told from one for now.

use harness::{
    faults::{Direct, Watched},
    peers::authority::Authority,
    stack::TestStack,
};
use local::fault::Fault;
use serde_json::{Value, json};
use shared::connection::ConnectionId;

use super::{authorized, completed, known, made, the_row, tick};

const MINUTE: i64 = 60;

/// A client that works, with a token that is good for an hour.
async fn working() -> (TestStack, Authority, ConnectionId) {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    let id = made(&stack, &authority).await;
    let flow = authorized(&stack, &authority, id).await;
    assert_eq!(completed(&stack, &flow).await.status, 200);
    (stack, authority, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_expires_and_nobody_notices() {
    let (stack, authority, id) = working().await;
    let before = stack.read(&id.to_string()).await;
    stack.clock.turn_seconds(45 * MINUTE);
    tick(&stack).await;
    assert_eq!(authority.times("/token"), 1, "it was good for long enough");

    stack.clock.turn_seconds(6 * MINUTE);
    tick(&stack).await;
    assert_eq!(authority.times("/token"), 2);
    assert_eq!(known(&stack, id).await, ("active".to_owned(), Value::Null));
    let after = stack.read(&id.to_string()).await;
    for member in ["version", "updatedAt", "statusSince"] {
        assert_eq!(before[member], after[member], "{member}");
    }
    the_row(&stack);

    // From refresh token to refresh token: each is good once.
    for renewals in 3..=4 {
        stack.clock.turn_seconds(55 * MINUTE);
        tick(&stack).await;
        assert_eq!(authority.times("/token"), renewals);
        assert_eq!(known(&stack, id).await.0, "active");
    }
}

/// Whoever asks for a check gets a fresh token too.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_on_demand_renews_as_the_schedule_does() {
    let (stack, authority, id) = working().await;
    stack.clock.turn_seconds(3 * 60 * MINUTE);
    let path = format!("/api/mcp-connections/{id}/test");
    let answer = stack.api().post(&path, &json!({})).await;
    assert_eq!(answer.json()["status"], "active", "{answer:?}");
    assert_eq!(authority.times("/token"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_at_the_same_time_renew_once() {
    let (stack, authority, id) = working().await;
    stack.clock.turn_seconds(52 * MINUTE);
    let path = format!("/api/mcp-connections/{id}/test");
    let (api, body) = (stack.api(), json!({}));
    let all = futures::future::join_all((0..3).map(|_| api.post(&path, &body))).await;
    for answer in all {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(authority.times("/token"), 2);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_refresh_token_wants_consent_and_is_not_tried_again() {
    let (stack, authority, id) = working().await;
    authority.forgets_consent();
    stack.clock.turn_seconds(52 * MINUTE);
    tick(&stack).await;
    let dead = ("error".to_owned(), json!("credential_rejected"));
    assert_eq!(known(&stack, id).await, dead);
    assert_eq!(authority.times("/token"), 2);
    for _ in 0..3 {
        stack.clock.turn_seconds(10 * MINUTE);
        tick(&stack).await;
    }
    assert_eq!(authority.times("/token"), 2);
    assert_eq!(known(&stack, id).await, dead);
    let flow = authorized(&stack, &authority, id).await;
    assert_eq!(completed(&stack, &flow).await.json()["reason"], Value::Null);
    assert_eq!(known(&stack, id).await.0, "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_for_now_keeps_the_token_and_is_tried_again() {
    let (stack, authority, id) = working().await;
    for (status, body) in [
        (503, json!({ "error": "invalid_grant" })),
        (400, json!({ "error": "invalid_request" })),
        (302, json!({ "location": "http://169.254.169.254/token" })),
        (200, json!({ "access_token": "with space" })),
    ] {
        authority.says("/token", status, body);
        stack.clock.turn_seconds(52 * MINUTE / 4);
        tick(&stack).await;
        assert_eq!(known(&stack, id).await.0, "active", "{status}");
    }
    authority.heals("/token");
    stack.clock.turn_seconds(6 * MINUTE);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await, ("active".to_owned(), Value::Null));
    the_row(&stack);
}

/// An issuer that is down until the token has expired is an outage, and nobody has to consent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expired_while_its_issuer_was_down_is_an_outage() {
    let (stack, authority, id) = working().await;
    authority.says("/token", 500, json!({}));
    authority.says("/mcp", 401, json!({}));
    stack.clock.turn_seconds(70 * MINUTE);
    for _ in 0..4 {
        tick(&stack).await;
    }
    assert_eq!(
        known(&stack, id).await,
        ("error".to_owned(), json!("http_error"))
    );
    authority.heals("/token");
    authority.heals("/mcp");
    for _ in 0..20 {
        tick(&stack).await;
    }
    assert_eq!(known(&stack, id).await.0, "active");
}

/// What cannot be renewed is used while it lasts, and then wants consent.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_refresh_token_ends_when_it_ends() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.keeps_refresh_tokens();
    let id = made(&stack, &authority).await;
    authorized(&stack, &authority, id).await;
    stack.clock.turn_seconds(58 * MINUTE);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "active");
    authority.says("/mcp", 401, json!({}));
    stack.clock.turn_seconds(10 * MINUTE);
    tick(&stack).await;
    assert_eq!(
        known(&stack, id).await,
        ("error".to_owned(), json!("credential_rejected"))
    );
    assert_eq!(authority.times("/token"), 1);
}

/// A token without an end is used until the server says no.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_end_is_not_renewed() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.expires_in(None);
    let id = made(&stack, &authority).await;
    authorized(&stack, &authority, id).await;
    stack.clock.turn_seconds(100 * 24 * 60 * MINUTE);
    tick(&stack).await;
    assert_eq!(known(&stack, id).await.0, "active");
    assert_eq!(authority.times("/token"), 1);
}

/// Each renewal leaves a version of the secret behind, and a day must not see more of them than are kept.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_with_a_short_life_are_renewed_four_times_an_hour_at_most() {
    let stack = TestStack::start().await;
    let authority = Authority::start().await;
    authority.expires_in(Some(60));
    let id = made(&stack, &authority).await;
    authorized(&stack, &authority, id).await;
    for _ in 0..36 {
        stack.clock.turn_seconds(5 * MINUTE);
        tick(&stack).await;
        assert_eq!(known(&stack, id).await.0, "active");
    }
    let renewals = authority.times("/token") - 1;
    assert!((10..=15).contains(&renewals), "{renewals} in 3.6 hours");

    while authority.times("/token") == renewals + 1 {
        stack.clock.turn_seconds(5 * MINUTE);
        tick(&stack).await;
    }

    // That it was not renewed in time says nothing of the consent.
    authority.says("/mcp", 401, json!({}));
    stack.clock.turn_seconds(5 * MINUTE);
    for _ in 0..5 {
        tick(&stack).await;
    }
    let outage = ("error".to_owned(), json!("http_error"));
    assert_eq!(known(&stack, id).await, outage);
}

/// A check on demand, in a process that may die.
async fn tested(watched: &Watched, id: ConnectionId) -> Option<Value> {
    let id = id.to_string();
    let request = Direct {
        method: "POST",
        path: format!("/api/mcp-connections/{id}/test"),
        id: Some(&id),
        headers: Vec::new(),
        body: None,
    };
    let event = watched.event(&request).await;
    let invocation = watched.invoke("native-connections-test", event);
    let answer = watched.until_crash(invocation).await?;
    Some(answer.expect("a function answers whatever happens"))
}

/// The authority knows the last token that it issued, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_breaks_off_does_not_lose_the_token() {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;
    authorized(&watched, &authority, id).await;
    // The first finds out what there is, and writes more.
    for _ in 0..2 {
        watched.clock.turn_seconds(52 * MINUTE);
        watched.calm();
        tested(&watched, id).await.expect("nothing crashes");
    }
    let writes = watched.written();
    let stored = writes.iter().position(|it| it.contains("PutSecretValue"));
    let stored = stored.expect("a renewed token is stored");
    assert_eq!(authority.times("/token"), 3);

    for by_the_sweeper in [true, false] {
        for number in stored..writes.len() {
            let point = format!("{by_the_sweeper}, after {number} of {writes:?}");
            watched.clock.turn_seconds(52 * MINUTE);
            let before = authority.times("/token");
            watched.disturb(number..number + 1, Fault::CrashAfter);
            let ended = tested(&watched, id).await;
            assert!(ended.is_none(), "{point}: it did not crash");
            assert_eq!(authority.times("/token"), before + 1, "{point}");
            watched.calm();
            if by_the_sweeper {
                watched.clock.turn_seconds(6 * MINUTE);
                assert_eq!(watched.sweep().await["failed"], 0, "{point}");
                the_row(&watched);
            } else {
                watched.clock.turn_seconds(MINUTE + 1);
            }
            let answer = tested(&watched, id).await.expect("nothing crashes");
            assert_eq!(answer["statusCode"], 200, "{point}: {answer}");
            assert_eq!(known(&watched, id).await.0, "active", "{point}");
            assert_eq!(authority.times("/token"), before + 1, "{point}");
            the_row(&watched);
        }
    }

    // Writes that are refused or whose answer is lost, once.
    for fault in [Fault::Throttle, Fault::LoseAnswer] {
        for number in stored..writes.len() {
            let point = format!("{fault:?} {number} of {writes:?}");
            watched.clock.turn_seconds(52 * MINUTE);
            watched.disturb(number..number + 1, fault);
            tested(&watched, id).await.expect("nothing crashes");
            watched.calm();
            watched.clock.turn_seconds(6 * MINUTE);
            assert_eq!(watched.sweep().await["failed"], 0, "{point}");
            tested(&watched, id).await.expect("nothing crashes");
            assert_eq!(known(&watched, id).await.0, "active", "{point}");
            the_row(&watched);
        }
    }
}

/// Before anything was issued there is nothing to keep.
#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_breaks_off_before_it_began_is_undone() {
    let watched = TestStack::watched().await;
    let authority = Authority::start().await;
    let id = made(&watched, &authority).await;
    authorized(&watched, &authority, id).await;
    watched.clock.turn_seconds(52 * MINUTE);
    watched.disturb_where(|seen, _| match seen.operation.as_str() {
        "PutSecretValue" => Fault::CrashBefore,
        _ => Fault::Pass,
    });
    authority.says("/token", 503, json!({}));
    tested(&watched, id).await.expect("nothing is written");
    the_row(&watched);
    authority.heals("/token");
    assert!(tested(&watched, id).await.is_none(), "it did not crash");
    watched.calm();
    watched.clock.turn_seconds(6 * MINUTE);
    assert_eq!(watched.sweep().await["repaired"], 1);
    the_row(&watched);
}

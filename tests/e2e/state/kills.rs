//! A host that is killed at any moment, and started again. `tests/soak/kills` does it more often.

use std::time::{Duration, Instant};

use streambro_core::{ErrorKind, StreamManager};
use streambro_tests::dice::Dice;
use streambro_tests::nginx::Nginx;
use tokio::time::{sleep, timeout};

use super::{
    keeper::{Decoys, Keeper, Wish, bystander, children, cookie, lives},
    places::{Films, Trail, publishers},
};
use crate::host::asked;

/// Longer than anything here takes on a busy machine.
const BOUND: Duration = Duration::from_secs(40);
/// How long an ffmpeg may outlive its host (bar P1), twice over for a busy machine.
const GONE: Duration = Duration::from_secs(2);
/// How far from where the server's recording ended the next one may begin, in milliseconds of media.
const NEAR: f64 = 5_000.0;
/// Streams that are always wanted; they begin anew after kills alone.
const STEADY: [&str; 4] = ["film", "kept", "list", "made"];

/// The worst that was seen, in milliseconds.
#[derive(Debug, Default)]
struct Worst {
    /// Media that was passed over, and media that was sent again.
    ahead: f64,
    behind: f64,
    /// From the start to everything live.
    live: u64,
    /// From the kill to the end of the last ffmpeg.
    gone: u128,
}

#[tokio::test]
async fn killed_at_any_moment_it_is_back_with_what_was_wanted_where_it_was() {
    let seed = asked("STREAMBRO_SOAK_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = asked("STREAMBRO_SOAK_KILLS").unwrap_or(10);
    println!("seed {seed}, {kills} kills: STREAMBRO_SOAK_SEED={seed} repeats the moments, not the schedule");
    let (nginx, films, dir) = (Nginx::start().await, Films::make().await, streambro_tests::scratch());
    let (url, mut dice) = (nginx.rtmp_url("live"), Dice::new(seed));
    let (mut worst, mut trail, mut decisions, mut early, mut steps) =
        (Worst::default(), Trail::default(), 0, 0, 0);
    // What may be found: nothing at first, then what was told to be kept, or what was just being asked for.
    let mut possible = vec![Wish::new()];
    let mut strangers: Option<(Decoys, String)> = None;
    let mut killed = 0;
    while killed < kills {
        let mut keeper = Keeper::start(dir.path(), &url, &films, dice.throw(u64::MAX));
        // Some never come to the air.
        let is_early = dice.throw(4) == 0;
        if is_early {
            early += 1;
            sleep(Duration::from_millis(dice.throw(1_500))).await;
        } else {
            let said = keeper.until("everything is live", BOUND, |said| said.live_ms.is_some()).await;
            worst.live = worst.live.max(said.live_ms.expect("it was waited for"));
            for (key, step) in trail.follow(&nginx, &films, &STEADY).await {
                println!("kill {killed}: {key} is {step:+.0} ms from where it was");
                assert!(step.abs() <= NEAR, "seed {seed}, kill {killed}: {key} is {step:+.0} ms off");
                (worst.ahead, worst.behind) = (worst.ahead.max(step), worst.behind.max(-step));
                steps += 1;
            }
            nobody_else_comes_in(dir.path()).await;
            let child = children(keeper.pid()).iter().find_map(cookie);
            let known = strangers.as_ref().map(|(_, cookie)| cookie);
            assert!(child.is_none() || known.is_none() || child.as_ref() == known, "another cookie");
            strangers = strangers.or_else(|| child.map(|cookie| (Decoys::lay(dir.path(), &cookie), cookie)));
            sleep(Duration::from_millis(dice.throw(3_000))).await;
        }
        // One that has come out of its group: it carries our mark, and whoever comes next ends it.
        let mut leftover = strangers.as_ref().filter(|_| dice.throw(3) == 0).map(|(_, cookie)| {
            let mark = format!("{cookie}-{}", "0f".repeat(16));
            bystander("STREAMBRO_RUN", &mark)
        });
        let left = children(keeper.pid());
        // Now and then in order: what is kept last is then kept after the goodbyes.
        let said = if is_early || dice.throw(5) > 0 {
            killed += 1;
            keeper.kill().await
        } else {
            keeper.end(BOUND).await
        };
        let since = Instant::now();
        decisions += said.decisions;
        if let Some(found) = &said.found {
            assert!(possible.contains(found), "seed {seed}: {found:#?} was found, of {possible:#?}");
        }
        if let Some(done) = said.done {
            possible = [Some(done), said.doing].into_iter().flatten().collect();
        }
        if dice.throw(2) == 0 {
            // Else the next one meets them.
            while left.iter().any(lives) {
                assert!(since.elapsed() < GONE, "seed {seed}: {left:?} outlive their host");
                sleep(Duration::from_millis(5)).await;
            }
            worst.gone = worst.gone.max(since.elapsed().as_millis());
        }
        if let Some(leftover) = &mut leftover {
            assert_eq!(leftover.ended(), None);
            let heir = Keeper::start(dir.path(), &url, &films, dice.throw(u64::MAX));
            let _ = leftover.wait(BOUND).await;
            let said = heir.kill().await;
            if let Some(done) = said.done {
                assert!(said.found.is_some_and(|found| possible.contains(&found)), "seed {seed}");
                possible = [Some(done), said.doing].into_iter().flatten().collect();
            }
            killed += 1;
        }
        assert!(left.iter().all(|child| !lives(child) || since.elapsed() < GONE), "seed {seed}: {left:?}");
        if let Some((decoys, _)) = &mut strangers {
            decoys.are_untouched();
        }
    }
    let mut last = Keeper::start(dir.path(), &url, &films, 0);
    last.until("everything is live", BOUND, |said| said.live_ms.is_some()).await;
    let said = last.kill().await;
    assert!(said.found.is_some_and(|found| possible.contains(&found)), "seed {seed}: {possible:#?}");
    let (publishers, refused) = publishers(&nginx.log());
    assert!(STEADY.iter().all(|key| publishers.get(*key).is_some_and(|count| *count > 1)), "{publishers:?}");
    assert!(strangers.is_some() && steps > 0, "seed {seed}: nothing was seen");
    println!(
        "{killed} kills ({early} before it was live), {decisions} decisions, {steps} places compared, {refused} turned \
         away as too early; at worst {:.0} ms passed over, {:.0} ms sent again, {} ms to live, {} ms until every ffmpeg \
         was gone",
        worst.ahead, worst.behind, worst.live, worst.gone
    );
}

/// A second manager is refused, and at once (bar P24), three times over for a busy machine.
async fn nobody_else_comes_in(dir: &std::path::Path) {
    let second = StreamManager::builder().state_dir(dir.join("state")).build();
    let refused =
        timeout(Duration::from_millis(300), second).await.expect("at once").map(|_| ()).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::StateInUse, "{refused}");
}

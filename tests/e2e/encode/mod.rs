//! Streams that ffmpeg makes, on real servers.
//!
//! The bars of reliability.md (section 7) for encoding, and where each is shown: here on the public API, and in
//! `ffmpeg/process` of the core on one process.
//!
//! | bar | here | in the core |
//! |---|---|---|
//! | P1 host killed | `host::no_ffmpeg_outlives_a_killed_host`, `.._that_ignores_sigio` | `host_tests::no_child_outlives_a_killed_host` |
//! | P3 somebody else's number | no record names a process: what was made by a host dies with it (P1) | `child::tests::a_number_that_is_somebody_elses_is_sent_no_signal` |
//! | P4 stop | `faults::a_stop_ends_ffmpeg_too_before_the_stream_has_ended` | `stop_tests::a_healthy_ffmpeg_stops_within_two_seconds_and_says_so` |
//! | P5 stop, nobody reads | `peers::without_a_server_ffmpeg_is_held_back_and_not_taken_for_one_that_stands_still` | `stop_tests::an_ffmpeg_whose_media_nobody_reads_stops_as_well` |
//! | P6 SIGSTOP | `still::an_ffmpeg_that_stands_still_is_replaced_in_time_and_nobody_notices`, `still::without_anything_to_send_..` | `stop_tests::a_suspended_ffmpeg_is_woken_to_end` |
//! | P7 stuck in open | | `stop_tests::an_ffmpeg_that_hangs_in_an_open_is_killed_when_the_grace_is_over` |
//! | P8 grandchildren | | `stop_tests::nothing_of_a_wrappers_group_is_left_however_it_ends` |
//! | P9 cycles | `host::a_hundred_streams_that_came_and_went_..` | `host_tests::two_hundred_children_leave_no_descriptor_no_thread_and_no_zombie` |
//! | P10 SIGCHLD ignored | | `host_tests::a_host_that_ignores_sigchld_learns_of_ends_without_a_status` |
//! | P11 a thief of statuses | | `host_tests::a_host_that_reaps_everything_breaks_nothing_and_no_status_is_invented` |
//! | P13 a large host | | `host_tests::a_large_host_spawns_as_fast_as_a_small_one` |
//! | P14 descriptors leaked | | `tests::a_child_has_its_declared_descriptors_and_no_others` |
//! | P15 threads pruned | | `host_tests::a_child_lives_on_when_the_threads_that_made_it_are_gone` |
//! | P16 signals blocked | | `host_tests::signals_that_the_host_blocks_or_ignores_are_as_new_to_the_child` |
//! | P17 environment | | `host_tests::the_hosts_environment_does_not_reach_the_child` |
//! | P18 a flood of words | `words::a_flood_of_words_does_not_reach_the_picture` | `host_tests::a_flood_of_words_costs_little_memory_and_holds_up_no_media` |
//! | P19 one endless line | | `host_tests::ten_megabytes_in_one_line_are_one_short_line` |
//! | P20 no such program | `live::without_an_ffmpeg_a_copy_plays_and_an_encode_is_refused_with_the_remedy` | `tests::what_cannot_be_executed_is_told_apart_and_soon` |
//! | P21 dies for ever | `film::an_ffmpeg_that_dies_at_once_..` (two) | `passes::tests::a_run_that_dies_at_once_for_ever_is_started_at_most_ten_times_a_minute` |
//! | P22 no descriptors | `host::without_descriptors_for_another_ffmpeg_..` | `host_tests::a_host_without_descriptors_is_told_so_and_loses_nothing` |
//! | N1 never reads | `peers::a_server_that_never_reads_is_left_in_time_..` | |
//! | N2 reset | `peers::a_connection_that_is_reset_is_there_again_within_a_second_at_a_keyframe` | |
//! | N8 outage | `peers::after_eight_seconds_without_a_network_..` | |
//! | D1 truncated | `film::a_film_that_is_truncated_..`, `film::a_film_whose_second_half_never_comes_..` | |
//! | D2 unlinked | `film::a_film_that_is_unlinked_while_it_plays_..` | |
//! | S9 sandbox | `words::the_sandbox_holds_around_the_ffmpeg_of_a_stream` | `sandbox_tests::a_hostile_program_reads_writes_connects_to_signals_and_starts_nothing` |

mod ahead;
mod desk;
mod disk;
mod fallback;
mod faults;
mod film;
mod host;
mod kept;
mod live;
mod peers;
mod still;
mod sync;
mod words;

//! What every store must do, whatever it is made of.
//!
//! [`store_conformance!`](crate::store_conformance) makes one test of each case. It is given a function that makes an
//! empty store, and something that keeps the store's ground alive (a temporary directory, a database) for the test:
//!
//! ```
//! # use std::sync::Arc;
//! # use notifier_core::{MemoryStore, Store};
//! async fn make() -> ((), Arc<dyn Store>) {
//!     ((), Arc::new(MemoryStore::new()))
//! }
//! notifier_core::store_conformance!(make);
//! # fn main() {}
//! ```

#![allow(clippy::allow_attributes, reason = "which of the next are needed depends on the features")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed expectation fails the test")]

pub mod acceptance;
pub mod bulk;
pub mod cancellation;
pub mod claims;
pub mod dead_letters;
pub mod decisions;
pub mod early_receipts;
pub mod filters;
pub mod lanes;
pub mod leases;
pub mod providers;
pub mod reading;
pub mod receipts;
pub mod replacing;
pub mod revisions;
pub mod sample;
pub mod sequences;
pub mod settings;
pub mod steps;
pub mod suppressions;
pub mod upkeep;

/// Makes a `#[tokio::test]` of every case, given an `async fn() -> (ground, Arc<dyn Store>)`.
#[macro_export]
macro_rules! store_conformance {
    ($make:ident) => {
        $crate::store_conformance! { @cases $make;
            acceptance {
                what_was_accepted_can_be_read
                deliveries_are_in_the_order_of_the_channels_of_their_notification
                nothing_else_can_be_read
                the_same_request_under_a_key_is_one_notification
                another_request_under_a_key_is_refused
                a_key_can_be_asked_for
                a_key_can_be_asked_for_without_a_hash
                keys_belong_to_tenants
                keys_are_free_again_after_their_time
                a_key_is_remembered_until_what_was_moved_expires
                concurrent_requests_under_one_key_become_one
                an_identifier_is_never_accepted_twice
                large_notifications_are_kept_whole
            }
            bulk {
                each_has_its_own_result_in_order
                one_that_is_refused_leaves_the_others
                those_in_one_call_know_of_each_other
                thousands_at_once_can_all_be_claimed
            }
            replacing {
                what_is_named_is_cancelled
                what_does_not_wait_any_more_is_not_replaced
                what_waits_for_another_try_is_replaced
                a_repeated_replacement_was_accepted_before
                the_newest_under_a_collapse_key_replaces_what_waits
                a_collapse_key_is_about_one_recipient_of_one_tenant
                what_was_sent_does_not_collapse
                a_collapse_key_is_free_after_what_had_it_ended
                a_repeated_request_does_not_collapse
                naming_one_does_not_spare_what_waits_under_the_key
                of_concurrent_requests_under_a_collapse_key_one_waits
            }
            claims {
                the_earliest_due_come_first
                what_the_recipient_wants_comes_along
                nothing_is_handed_out_before_its_time
                a_claim_excludes_others
                concurrent_claimers_share_without_overlap
                a_claim_that_ran_out_is_handed_out_again
                a_released_claim_is_free_at_once
                the_next_due_time_passes_over_claims_until_they_end
                what_was_just_accepted_can_be_claimed
            }
            lanes {
                claims_keep_to_the_room_of_each_lane
                a_lane_without_room_is_left_alone
                claims_keep_to_the_channel
                tenants_take_turns
                the_turn_goes_on_after_the_tenant_served_last
                only_tenants_with_something_due_take_turns
                what_has_a_time_does_not_wait_for_what_has_none
                within_a_tenant_the_earliest_come_first
                what_comes_free_before_others_is_not_passed_over
                what_is_due_soon_can_be_claimed_ahead
                the_next_due_time_is_that_of_the_channel_and_lanes
            }
            leases {
                begin_takes_it_off_the_due_list
                only_the_newest_lease_counts
                a_lease_counts_until_it_is_taken_over
                begin_happens_once_per_lease
                settling_gives_the_lease_back
                a_retry_is_due_again
                a_claim_can_be_settled_without_begin
                sending_deliveries_are_reclaimed_after_their_lease
                a_lease_is_about_one_delivery
            }
            cancellation {
                pending_deliveries_are_cancelled
                what_is_being_sent_goes_on
                what_is_wanted_back_is_decided_anew
                who_takes_over_hears_that_it_is_wanted_back
                what_is_collapsed_while_it_is_being_sent_is_wanted_back
                cancelling_ends_claims
                begin_and_cancel_never_both_win
                the_unknown_cannot_be_cancelled
            }
            revisions {
                the_unknown_cannot_be_revised
                what_is_rescheduled_is_due_at_the_new_time
                rescheduling_ends_claims
                only_what_waits_is_rescheduled
                an_acknowledged_sequence_stops
                acknowledging_twice_is_acknowledging_once
                an_acknowledgement_stops_nothing_else
                the_dead_are_replayed
                only_the_dead_are_replayed
                begin_and_reschedule_never_both_win
            }
            sequences {
                only_the_first_is_due_at_the_start
                the_order_of_a_sequence_is_that_of_its_channels
                the_next_is_due_when_the_change_says_so
                every_change_can_make_the_next_due
                nothing_makes_the_next_due_later
                what_changes_nothing_leaves_a_claim_on_the_next_alone
                one_whose_turn_has_begun_is_left_to_its_own_retries
                when_its_turn_began_is_kept
                a_change_that_says_nothing_leaves_the_next_alone
                a_claim_on_the_next_ends
                one_that_does_not_wait_is_not_made_due
                what_has_no_next_makes_nothing_due
                a_report_makes_the_next_due
            }
            receipts {
                a_report_finds_its_delivery_by_the_identifier_of_the_message
                many_reports_are_told_in_order
                a_report_can_name_its_delivery
                a_report_about_what_was_never_sent_changes_nothing
                a_repeated_report_is_told_once
                reports_out_of_order_lose_nothing
                reports_move_the_state
                identifiers_of_messages_belong_to_providers
                identifiers_of_messages_can_be_anything
                a_report_ends_the_wait_of_what_arrived
                what_goes_on_waiting_after_a_report_is_still_due
                a_report_of_the_call_under_way_outruns_the_sender
                while_it_is_being_sent_its_sender_has_the_say
                a_delivery_is_reclaimed_as_a_report_left_it
            }
            early_receipts {
                an_early_report_is_told_when_its_message_is_known
                early_reports_are_told_in_order
                only_the_reports_of_that_message_are_told
                an_early_report_waits_for_the_attempt_that_it_is_about
                an_early_bounce_suppresses_the_address
                only_what_is_kept_waits
            }
            dead_letters {
                dead_letters_are_latest_first
                every_way_of_dying_counts
                dead_letters_can_be_walked_page_by_page
                dead_letters_can_be_filtered
                dead_letters_belong_to_tenants
                what_lives_again_leaves_the_list
            }
            suppressions {
                an_address_is_put_on_the_list_and_taken_off
                an_entry_is_about_one_address_only
                long_addresses_are_paged_behind_the_others
                the_list_is_paged_by_channel_and_address
                reports_put_addresses_on_the_list
                the_address_in_the_report_counts
                a_repeated_report_does_not_put_an_address_back
                a_vendor_that_refuses_an_address_for_good_puts_it_on_the_list
                a_stale_refusal_puts_nothing_on_the_list
            }
            providers {
                the_state_of_a_provider_is_replaced_as_a_whole
            }
            reading {
                the_timeline_tells_everything_in_order
                a_clock_that_steps_back_does_not_shuffle_the_timeline
                lists_are_newest_first
                lists_can_be_walked_page_by_page
                lists_can_be_of_one_recipient
                tenants_do_not_see_each_other
                a_closed_store_says_so
            }
            filters {
                lists_can_be_of_what_was_asked_for
                lists_can_be_of_where_deliveries_stand
                lists_can_be_of_a_time
                what_fits_is_found_among_many
            }
            settings {
                preferences_are_replaced_as_a_whole
                preferences_belong_to_one_recipient_of_one_tenant
                templates_get_versions
                an_equal_template_is_not_stored_again
                templates_are_listed_by_name
            }
            upkeep {
                the_counts_follow_every_step
                the_counts_follow_what_people_change
                the_counts_follow_reports
                a_sweep_finds_nothing_in_a_healthy_store
                nothing_is_swept_in_an_empty_store
            }
        }
    };
    (@cases $make:ident; $($module:ident { $($case:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let (_ground, store) = super::$make().await;
                $crate::testing::store_conformance::$module::$case(store).await;
            })*
        })*
    };
}

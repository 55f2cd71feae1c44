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
pub mod cancellation;
pub mod claims;
pub mod leases;
pub mod reading;
pub mod sample;
pub mod settings;

/// Makes a `#[tokio::test]` of every case, given an `async fn() -> (ground, Arc<dyn Store>)`.
#[macro_export]
macro_rules! store_conformance {
    ($make:ident) => {
        $crate::store_conformance! { @cases $make;
            acceptance {
                what_was_accepted_can_be_read
                nothing_else_can_be_read
                the_same_request_under_a_key_is_one_notification
                another_request_under_a_key_is_refused
                a_key_can_be_asked_for
                keys_belong_to_tenants
                keys_are_free_again_after_their_time
                concurrent_requests_under_one_key_become_one
                an_identifier_is_never_accepted_twice
                large_notifications_are_kept_whole
            }
            claims {
                the_earliest_due_come_first
                nothing_is_handed_out_before_its_time
                a_claim_excludes_others
                concurrent_claimers_share_without_overlap
                a_claim_that_ran_out_is_handed_out_again
                a_released_claim_is_free_at_once
                the_next_due_time_passes_over_claims_until_they_end
                what_was_just_accepted_can_be_claimed
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
                cancelling_ends_claims
                begin_and_cancel_never_both_win
                the_unknown_cannot_be_cancelled
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
            settings {
                preferences_are_replaced_as_a_whole
                preferences_belong_to_one_recipient_of_one_tenant
                templates_get_versions
                an_equal_template_is_not_stored_again
                templates_are_listed_by_name
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

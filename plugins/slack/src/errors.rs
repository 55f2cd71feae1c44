//! What Slack's errors mean.

use notifier_plugin_sdk::{Class, ErrorTable};

/// Errors of `chat.postMessage` (<https://docs.slack.dev/reference/methods/chat.postMessage#errors>; `invalid_json` and
/// `json_not_object` from <https://github.com/slackapi/slack-api-specs>).
///
/// What is wrong with one conversation is its recipient's fault: others can still be posted to. The provider is stopped by what
/// would meet every message, and by nothing that may meet one channel: `restricted_action` comes of a channel whose posting is
/// restricted (<https://github.com/slack-samples/javascript-announcement-bot/issues/6>) and of a text with `@channel` where that
/// is (<https://github.com/slackhq/slack-api-docs/issues/85>), `ekm_access_denied` of a key that can be withdrawn channel by
/// channel (<https://docs.slack.dev/reference/methods/admin.conversations.ekm.listOriginalConnectedChannelInfo>).
pub(crate) const API_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        // The conversation.
        ("access_denied", Class::Recipient),                            // "a resource specified in the request": we name no other
        ("channel_not_found", Class::Recipient),                        // no such id, or a direct message we may not open
        ("ekm_access_denied", Class::Recipient),                        // administrators withdrew its key, or that of more
        ("is_archived", Class::Recipient),                              // the channel has been archived
        ("messages_tab_disabled", Class::Recipient),                    // direct messages only: the app takes none
        ("not_in_channel", Class::Recipient),                           // the app was not invited to it
        ("restricted_action", Class::Recipient),                        // who may post to it, or name `@channel` in it
        ("restricted_action_non_threadable_channel", Class::Recipient), // takes no replies
        ("restricted_action_read_only_channel", Class::Recipient),      // takes no messages
        ("restricted_action_thread_only_channel", Class::Recipient),    // takes replies only

        // The message.
        ("attachment_payload_limit_exceeded", Class::Message),       // attachments too long
        ("duplicate_channel_not_found", Class::Message),             // of a `client_msg_id`, which is never sent
        ("duplicate_message_not_found", Class::Message),             // of a `client_msg_id`, which is never sent
        ("invalid_arguments", Class::Message),                       // "more likely when using complex arguments like blocks"
        ("invalid_blocks", Class::Message),                          // a block that Slack does not take
        ("invalid_blocks_format", Class::Message),                   // not Block Kit
        ("invalid_metadata_format", Class::Message),                 // of metadata, which is never sent
        ("invalid_metadata_schema", Class::Message),                 // of metadata, which is never sent
        ("metadata_must_be_sent_from_app", Class::Message),          // of metadata, which is never sent
        ("metadata_too_large", Class::Message),                      // of metadata, which is never sent
        ("missing_file_data", Class::Message),                       // a file in the layout lacks something
        ("msg_blocks_too_long", Class::Message),                     // blocks too long
        ("msg_too_long", Class::Message),                            // text too long
        ("no_text", Class::Message),                                 // neither text nor layout
        ("slack_connect_canvas_sharing_blocked", Class::Message),    // no canvas may be shared with other organizations
        ("slack_connect_file_link_sharing_blocked", Class::Message), // no file may be shared with other organizations
        ("slack_connect_lists_sharing_blocked", Class::Message),     // no list may be shared with other organizations
        ("too_many_attachments", Class::Message),                    // more than 100
        ("too_many_contact_cards", Class::Message),                  // more than 10

        // Token, app, workspace and settings.
        ("accesslimited", Class::Provider),                   // not from this network
        ("account_inactive", Class::Provider),                // the token's user or workspace was deleted
        ("as_user_not_supported", Class::Provider),           // a kind of app that cannot post like this
        ("cannot_reply_to_message", Class::Provider),         // `thread_ts` is a message that takes no replies
        ("deprecated_endpoint", Class::Provider),             // Slack has retired what we call
        ("enterprise_is_restricted", Class::Provider),        // not for this kind of workspace
        ("invalid_auth", Class::Provider),                    // wrong token, or not from this IP address
        ("method_deprecated", Class::Provider),               // Slack has retired what we call
        ("missing_scope", Class::Provider),                   // the token may not do this
        ("no_permission", Class::Provider),                   // the token may not do this
        ("not_allowed_token_type", Class::Provider),          // another kind of token is needed
        ("not_authed", Class::Provider),                      // no token
        ("restricted_action_thread_locked", Class::Provider), // `thread_ts` is a thread that was locked
        ("team_access_not_granted", Class::Provider),         // the token is not for this workspace
        ("token_expired", Class::Provider),                   // the token has expired
        ("token_revoked", Class::Provider),                   // the app has been removed
        ("two_factor_setup_required", Class::Provider),       // the token's user has to set up a second factor

        // How every request of ours is made.
        ("invalid_arg_name", Class::Provider),
        ("invalid_array_arg", Class::Provider),
        ("invalid_charset", Class::Provider),
        ("invalid_form_data", Class::Provider),
        ("invalid_json", Class::Provider),
        ("invalid_post_type", Class::Provider),
        ("json_not_object", Class::Provider),
        ("missing_post_type", Class::Provider),

        // Later.
        ("message_limit_exceeded", Class::RateLimited), // the members of the workspace send too much
        ("rate_limited", Class::RateLimited),           // the app has posted too much
        ("ratelimited", Class::RateLimited),            // too many requests; goes with `Retry-After`
        ("org_login_required", Class::Unavailable),     // the workspace is being moved
        ("request_timeout", Class::Unavailable),        // our request did not arrive whole
        ("service_unavailable", Class::Unavailable),    // the service is down
        ("team_added_to_org", Class::Unavailable),      // the workspace is being moved

        // "It's possible some aspect of the operation succeeded before the error was raised."
        ("fatal_error", Class::Unknown),
        ("internal_error", Class::Unknown),
    ],
    // The Web API refuses with 200. Of an error that is new, only that is known: Slack did not do it.
    statuses: &[(200, Class::Message)],
};

/// Errors of incoming webhooks, which come as plain text
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors>,
/// <https://docs.slack.dev/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks>). A webhook has one channel: what is
/// wrong with that meets every message.
pub(crate) const WEBHOOK_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        // The channel, the webhook and the workspace.
        ("action_prohibited", Class::Provider),                 // an administrator forbids it
        ("channel_is_archived", Class::Provider),               // the channel has been archived
        ("channel_not_found", Class::Provider),                 // the channel does not exist
        ("invalid_token", Class::Provider),                     // the URL is wrong
        ("no_active_hooks", Class::Provider),                   // the webhook is switched off
        ("no_service", Class::Provider),                        // the webhook was removed, is switched off or never was
        ("no_service_id", Class::Provider),                     // the URL is not that of a webhook
        ("no_team", Class::Provider),                           // the workspace does not exist
        ("posting_to_general_channel_denied", Class::Provider), // whoever made the webhook may not post to this channel
        ("team_disabled", Class::Provider),                     // the workspace is no longer active
        ("user_not_found", Class::Provider),                    // the user does not exist

        // The message. That of blocks and attachments is not in the documentation, but in the threads of Slack's own libraries:
        // <https://github.com/slackapi/java-slack-sdk/issues/1017>, <https://github.com/slackapi/java-slack-sdk/issues/415>,
        // <https://github.com/slackapi/slack-github-action/issues/117>.
        ("invalid_attachments", Class::Message),
        ("invalid_blocks", Class::Message),
        ("invalid_blocks_format", Class::Message),
        ("invalid_payload", Class::Message),                        // not JSON as Slack wants it
        ("missing_text_or_fallback_or_attachments", Class::Message),
        ("no_text", Class::Message),
        ("too_many_attachments", Class::Message),                   // more than 100

        // Later.
        ("rate_limited", Class::RateLimited),
        ("ratelimited", Class::RateLimited),
        ("rollup_error", Class::Unavailable), // "something strange and unusual happened that was likely not your fault"
    ],
    statuses: &[],
};

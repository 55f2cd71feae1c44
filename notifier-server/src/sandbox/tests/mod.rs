//! The fakes over real sockets, and the routes that show what arrived.

mod email_faults;
mod email_receipts;
mod faults;
mod fcm;
mod fixture;
mod inbox;
mod live;
mod lookups;
mod mailgun;
mod postmark;
mod receipts;
mod resend;
mod routes;
mod segments;
mod sendgrid;
mod ses;
mod ses_raw;
mod slack;
mod sns;
mod twilio;
mod vonage;
mod webhook;
mod webpush;

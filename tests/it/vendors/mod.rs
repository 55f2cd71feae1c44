//! Every built-in plugin with the strict fake of its vendor: the real engine and server, the committed components, real sockets
//! on loopback. What the plugins' own tests compare with documented exchanges is here met by code that was written from the
//! vendors' descriptions without the plugins in view.

mod credentials;
mod crowd;
mod emails;
mod events;
mod faults;
mod forgeries;
mod receipts;
mod recorder;
mod routes;
mod texts;
mod world;

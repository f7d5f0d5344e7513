//! What the programs of Boutique are made of. The programs themselves are thin.

pub mod replay;

//! Journal to broker, and requests to lane.

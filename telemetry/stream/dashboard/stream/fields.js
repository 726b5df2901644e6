// What the page asks the server for: no field that it does not show, for phones on a weak network.

export const FIELDS = [
  // of the sample
  "timestamp", "elapsed", "sequence",
  // drive
  "speed_kmh", "gear_name", "rpm", "current_max_rpm", "max_rpm", "gas", "brake", "clutch", "steer_angle",
  "steer_degrees", "acc_g_x", "acc_g_z",
  // lap
  "current_time", "last_time", "best_time", "completed_laps", "number_of_laps", "position", "num_cars",
  "current_sector_index", "last_sector_time", "sector_count", "normalized_position", "line_position",
  "performance_meter",
  "session_name", "session_time_left",
  // map
  "world_position_x", "world_position_z", "heading", "track_spline_length",
  // tyres
  "tyre_core_temp", "tyre_temp_inner", "tyre_temp_middle", "tyre_temp_outer", "wheel_pressure", "tyre_worn",
  "wheel_slip", "slip_ratio", "wheel_locked", "brake_temp", "tyre_compound",
  // damage and flags
  "damage_level", "bodywork_damaged", "bodywork_critical", "tyre_damaged", "tyre_critical", "is_lap_valid",
  "wheel_lock_detected", "number_of_tyres_out", "flag_name", "is_in_pit", "is_in_pit_lane", "pit_limiter_on",
  "drs_available", "drs_enabled",
  // car and conditions
  "fuel", "max_fuel", "air_temp", "road_temp", "surface_grip", "wind_speed", "brake_bias",
  "car_model", "track", "track_configuration",
];

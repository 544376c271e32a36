package control

// AlertStore is what the store of alerts holds.
type AlertStore struct {
	// Kept are alerts on the disk, and Bytes what the journal takes there.
	Kept     uint64 `json:"kept"`
	Bytes    int64  `json:"bytes"`
	Segments int    `json:"segments"`
	// Waiting are lines that wait in memory for the disk.
	Waiting      int   `json:"waiting"`
	WaitingBytes int64 `json:"waiting_bytes"`
	// Folds are alerts that count their repeats; Evicted had to stop that for want of room.
	Folds   int    `json:"folds"`
	Evicted uint64 `json:"evicted"`
	// Bursts are alerts beyond what their rule may raise, which count in another one.
	Bursts uint64 `json:"bursts"`
	// Dropped found no room in memory while the disk could not be written.
	Dropped uint64 `json:"dropped"`
	// Lost are lines of the journal that are damaged or missing.
	Lost uint64 `json:"lost"`
	// Rebuilt is how often the index was made again.
	Rebuilt int `json:"rebuilt"`
}

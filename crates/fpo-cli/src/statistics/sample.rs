//! Statistics of one sample of numbers.

/// Returns the mean `Σx / n`; 0 if there are no numbers.
pub fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / count.max(1) as f64
}

/// Returns the standard error of the mean, `√(Σ(x − mean)² / (n − 1) / n)`; `None` for less than two
/// numbers, which say nothing about their spread.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    let (n, mean) = (values.len() as f64, mean(values.iter().copied()));
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (values.len() > 1).then(|| (variance / n).sqrt())
}

/// Returns the quantile `q` of ascending numbers, between neighbours in proportion; 0 if there are
/// no numbers.
pub fn quantile(ascending: &[f64], q: f64) -> f64 {
    let at = q * ascending.len().saturating_sub(1) as f64;
    let value = |index: usize| ascending.get(index).or(ascending.last()).copied().unwrap_or(0.0);
    let below = at.floor();
    let (low, high) = (value(below as usize), value(below as usize + 1));
    low + (at - below) * (high - low)
}

/// Returns the median of numbers in any order; 0 if there are no numbers.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(&ascending(values), 0.5)
}

/// Returns the interquartile mean of numbers in any order: the mean of what is left when the
/// `⌊n/4⌋` lowest and as many of the highest are cut away (`scipy.stats.trim_mean(x, 0.25)`); 0 if
/// there are no numbers.
///
/// It is as blind to outliers as a median, but moves with half of the numbers instead of with the
/// one or two in the middle.
pub fn iqm(values: impl IntoIterator<Item = f64>) -> f64 {
    let values = ascending(values);
    let cut = values.len() / 4;
    mean(values.iter().skip(cut).take(values.len() - 2 * cut).copied())
}

fn ascending(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        assert_eq!(median([4.0, 1.0, 2.0, 100.0]), 3.0);
        assert_eq!(quantile(&[1.0, 2.0], 1.0), 2.0);
        assert_eq!(quantile(&[0.0, 1.0, 2.0, 10.0], 0.75), 4.0);
    }

    #[test]
    fn the_interquartile_mean_cuts_a_quarter_rounded_down_from_each_end() {
        assert_eq!(iqm([9.0, -100.0, 2.0, 1.0]), 1.5);
        assert_eq!(iqm([3.0, -1e9, 1e9, 5.0, 1.0]), 3.0);
        assert_eq!(iqm([0.0, 1.0, 5.0]), 2.0, "a quarter of three is none");
        assert_eq!(iqm([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), 4.5);
    }

    #[test]
    fn the_standard_error_divides_by_one_less_than_the_number_and_needs_two() {
        let error = standard_error(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        assert!((error - (14.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!(standard_error(&[5.0]), None);
        assert_eq!(standard_error(&[]), None);
    }

    #[test]
    fn no_numbers_have_the_statistics_zero() {
        assert_eq!((mean([]), median([]), iqm([]), quantile(&[], 0.3)), (0.0, 0.0, 0.0, 0.0));
    }
}

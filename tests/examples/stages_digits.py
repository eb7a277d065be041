from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from nntf_cli.recorders import record_stages

x, x_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
model = HistGradientBoostingClassifier(learning_rate=0.2, max_iter=20, random_state=1).fit(x, y)
record_stages("boosting.h5", model, x, y, splits={"test": (x_test, y_test)})
